-- Split the entries of dead consumers into entries of one token that carry their delivery count.
-- Flags  allow-oom
-- KEYS  1 tasks (stream)   2 signals (stream)   3 splits (hash)   4 cancelled (zset)
-- ARGV  1 type   2 min_idle_ms (int)   3 limit (int, 1 to 1000)   4 max_deliveries (int)   5 lost
-- Returns  how many entries were taken
-- A token that was delivered max_deliveries times ends with the outcome `lost`; a cancelled one is
-- dropped.
local function claim(keys, args)
  exactly(keys, 4, 'keys')
  exactly(args, 5, 'arguments')
  local min_idle_ms, limit, max_deliveries = int(args, 2), int(args, 3), int(args, 4)
  if limit < 1 or limit > 1000 then
    refuse('limit must be from 1 to 1000')
  end
  local idle = redis.pcall('XPENDING', keys[1], GROUP, 'IDLE', min_idle_ms, '-', '+', limit)
  if idle.err then
    return 0
  end
  local lost = {}
  for _, pending in ipairs(idle) do
    local id, mark = pending[1], args[1] .. ' ' .. pending[1]
    local tokens, earlier = still_held(keys[1], keys[3], id, mark)
    local deliveries = earlier + pending[4]
    drop_entry(keys[1], keys[3], id, mark)
    for i = 1, #(tokens or {}), 2 do
      if not redis.call('ZSCORE', keys[4], tokens[i]) then
        if deliveries < max_deliveries then
          add_single(keys[1], tokens[i], tokens[i + 1], deliveries)
        else
          lost[#lost + 1] = tokens[i]
          lost[#lost + 1] = args[5]
        end
      end
    end
  end
  add_done(keys[2], lost)
  return #idle
end
