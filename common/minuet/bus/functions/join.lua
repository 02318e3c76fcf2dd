-- Announce or renew a coordinator, and forget those that were not renewed in time.
-- Flags  allow-oom
-- KEYS  1 coordinators (zset)
-- ARGV  1 coordinator   2 stale_after_ms (int)
-- Returns  how many are live
local function join(keys, args)
  exactly(keys, 1, 'keys')
  exactly(args, 2, 'arguments')
  local stale_after_ms, now = int(args, 2), server_ms()
  redis.call('ZADD', keys[1], digits(now + stale_after_ms), args[1])
  redis.call('ZREMRANGEBYSCORE', keys[1], '-inf', digits(now))
  return redis.call('ZCARD', keys[1])
end
