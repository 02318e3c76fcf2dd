-- Move due timers into the signals, as one entry of kind `timer` (member, due_at, ...).
-- Flags  allow-oom
-- KEYS  1 timers (zset)   2 signals (stream)
-- ARGV  1 limit (int, 1 to 1999)   2 now (int, ms, 0 = server clock)
-- Returns  the instant of the next timer (it may be due already) | -1 there is none
local function fire_timers(keys, args)
  exactly(keys, 2, 'keys')
  exactly(args, 2, 'arguments')
  local limit, now = int(args, 1), instant(args, 2)
  if limit < 1 or limit > 1999 then
    refuse('limit must be from 1 to 1999')
  end
  local due = redis.call(
    'ZRANGEBYSCORE', keys[1], '-inf', digits(now), 'WITHSCORES', 'LIMIT', 0, limit)
  if #due > 0 then
    local members = {}
    for i = 1, #due, 2 do
      members[#members + 1] = due[i]
    end
    redis.call('XADD', keys[2], '*', 'k', 'timer', unpack(due))
    redis.call('ZREM', keys[1], unpack(members))
  end
  local next = redis.call('ZRANGE', keys[1], 0, 0, 'WITHSCORES')
  return tonumber(next[2]) or -1
end
