-- Renew the claim on entries; never takes one from another consumer.
-- Flags  allow-oom
-- KEYS  1.. tasks
-- tasks  each stream once
-- ARGV  1 consumer   2.. entries
-- entries  for each stream: count (1 to 4000), then that many ids
-- Returns  for each entry in order: 1 renewed | 0 not this consumer's any more
local function heartbeat(keys, args)
  at_least(keys, 1, 'keys')
  at_least(args, 3, 'arguments')
  local at = 2
  for _ = 1, #keys do
    local n = int(args, at)
    if n < 1 or n > MAX_UNPACK then
      refuse('ARGV ' .. at .. ' must be from 1 to ' .. MAX_UNPACK)
    end
    for i = at + 1, at + n do
      entry_id(args, i)
    end
    at = at + 1 + n
  end
  exactly(args, at - 1, 'arguments')
  local renewed = {}
  at = 2
  for i = 1, #keys do
    local n, mine, ours = tonumber(args[at]), {}, {}
    local pending = redis.pcall('XPENDING', keys[i], GROUP, '-', '+', 100000, args[1])
    if pending.err == nil then
      for _, entry in ipairs(pending) do
        mine[entry[1]] = true
      end
    end
    for j = at + 1, at + n do
      if mine[args[j]] then
        ours[#ours + 1] = args[j]
      end
      renewed[#renewed + 1] = mine[args[j]] and 1 or 0
    end
    if #ours > 0 then
      -- JUSTID leaves the delivery count alone.
      ours[#ours + 1] = 'JUSTID'
      redis.call('XCLAIM', keys[i], GROUP, args[1], 0, unpack(ours))
    end
    at = at + 1 + n
  end
  return renewed
end
