-- Split the entries of dead consumers into entries of one token that carry their delivery count.
-- Flags  allow-oom
-- KEYS  1 tasks (stream)   2 signals (stream)   3 splits (hash)   4 cancelled (zset)
-- ARGV  1 type   2 min_idle_ms (int)   3 limit (int, 1 to 1000)   4 max_deliveries (int)   5 lost
--       6 cancelled_outcome
-- Returns  how many entries were taken
-- A cancelled token ends with that outcome, one that was delivered max_deliveries times with `lost`.
local function claim(keys, args)
  exactly(keys, 4, 'keys')
  exactly(args, 6, 'arguments')
  local min_idle_ms, limit, max_deliveries = int(args, 2), int(args, 3), int(args, 4)
  if limit < 1 or limit > 1000 then
    refuse('limit must be from 1 to 1000')
  end
  local idle = redis.pcall('XPENDING', keys[1], GROUP, 'IDLE', min_idle_ms, '-', '+', limit)
  if idle.err then
    return 0
  end
  local ended = {}
  for _, pending in ipairs(idle) do
    local id, mark = pending[1], args[1] .. ' ' .. pending[1]
    local tokens, earlier = still_held(keys[1], keys[3], id, mark)
    local deliveries = earlier + pending[4]
    drop_entry(keys[1], keys[3], id, mark)
    for i = 1, #(tokens or {}), 2 do
      local outcome = deliveries >= max_deliveries and args[5]
      if redis.call('ZSCORE', keys[4], tokens[i]) then
        outcome = args[6]
      end
      if outcome then
        ended[#ended + 1] = tokens[i]
        ended[#ended + 1] = outcome
      else
        add_single(keys[1], tokens[i], tokens[i + 1], deliveries)
      end
    end
  end
  add_done(keys[2], ended)
  return #idle
end
