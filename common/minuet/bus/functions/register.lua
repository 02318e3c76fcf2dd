-- Announce or renew a worker, and forget those that were not renewed in time.
-- Flags  allow-oom
-- KEYS  1 workers (hash)
-- ARGV  1 worker_id   2 stale_after_ms (int)   3 info
-- Returns  how many workers are known
-- A field holds "<instant at which it is stale> <info>".
local function register(keys, args)
  exactly(keys, 1, 'keys')
  exactly(args, 3, 'arguments')
  local stale_at = int(args, 2)
  local now = server_ms()
  local all, stale = redis.call('HGETALL', keys[1]), {}
  for i = 1, #all, 2 do
    if (tonumber(string.match(all[i + 1], '^%d+')) or 0) < now and #stale < MAX_UNPACK then
      stale[#stale + 1] = all[i]
    end
  end
  if #stale > 0 then
    redis.call('HDEL', keys[1], unpack(stale))
  end
  redis.call('HSET', keys[1], args[1], digits(now + stale_at) .. ' ' .. args[3])
  return redis.call('HLEN', keys[1])
end
