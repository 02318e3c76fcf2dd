-- Extend a lease if this owner still holds it.
-- Flags  allow-oom
-- KEYS  1 lease (hash)
-- ARGV  1 owner   2 lease_ms (int)   3 now (int, ms, 0 = server clock)
-- Returns  the commit number that the lease holds | -1 not held by this owner
local function renew(keys, args)
  exactly(keys, 1, 'keys')
  exactly(args, 3, 'arguments')
  local lease_ms, now = int(args, 2), instant(args, 3)
  if args[1] == '' or lease_ms == 0 then
    refuse('owner and lease_ms must not be empty')
  end
  local held = redis.call('HMGET', keys[1], 'owner', 'commit')
  if held[1] ~= args[1] then
    return -1
  end
  redis.call('HSET', keys[1], 'expires_at', digits(now + lease_ms))
  return tonumber(held[2]) or 0
end
