-- Give a lease back; commit number, cursor and the count of takeovers stay.
-- Flags  allow-oom
-- KEYS  1 lease (hash)
-- ARGV  1 owner
-- Returns  1 released | 0 not held by this owner
local function release(keys, args)
  exactly(keys, 1, 'keys')
  exactly(args, 1, 'arguments')
  if args[1] == '' then
    refuse('owner must not be empty')
  end
  if redis.call('HGET', keys[1], 'owner') ~= args[1] then
    return 0
  end
  redis.call('HDEL', keys[1], 'owner', 'expires_at')
  return 1
end
