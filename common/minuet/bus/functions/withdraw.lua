-- Take the tokens of some runs out of entries of a task stream, whoever holds these.
-- Flags  allow-oom
-- KEYS  1 tasks (stream)   2 splits (hash)
-- ARGV  1 type   2 entries (int)   3 runs (int)   4.. values
-- values  the ids of the entries, then the runs
-- Returns  how many tokens were taken out
-- What else such an entry holds is added again, as entries of one token that carry their deliveries.
local function withdraw_deliveries(tasks, id)
  local pending = redis.pcall('XPENDING', tasks, GROUP, id, id, 1)
  if pending.err or #pending == 0 then
    return 0
  end
  return pending[1][4]
end

local function withdraw(keys, args)
  exactly(keys, 2, 'keys')
  at_least(args, 3, 'arguments')
  local entries = int(args, 2)
  exactly(args, 3 + entries + int(args, 3), 'arguments')
  for i = 4, 3 + entries do
    entry_id(args, i)
  end
  local unwanted, taken = {}, 0
  for i = 4 + entries, #args do
    unwanted[args[i]] = true
  end
  for i = 4, 3 + entries do
    local id, mark = args[i], args[1] .. ' ' .. args[i]
    local tokens, earlier = still_held(keys[1], keys[2], id, mark)
    local kept = {}
    for t = 1, #(tokens or {}), 2 do
      if not unwanted[string.match(tokens[t], '^[^/]*')] then
        kept[#kept + 1] = t
      end
    end
    if tokens and 2 * #kept < #tokens then
      local deliveries = earlier + withdraw_deliveries(keys[1], id)
      drop_entry(keys[1], keys[2], id, mark)
      for _, t in ipairs(kept) do
        add_single(keys[1], tokens[t], tokens[t + 1], deliveries)
      end
      taken = taken + #tokens / 2 - #kept
    end
  end
  return taken
end
