-- Replace a partition's voucher if it still is what the caller saw.
-- Flags  allow-oom
-- KEYS  1 voucher (string)
-- ARGV  1 before   2 after
-- Returns  1 replaced | 0 another one stands there
-- `before` is empty if none stood there.
local function vouch(keys, args)
  exactly(keys, 1, 'keys')
  exactly(args, 2, 'arguments')
  if args[2] == '' then
    refuse('after must not be empty')
  end
  if (redis.call('GET', keys[1]) or '') ~= args[1] then
    return 0
  end
  redis.call('SET', keys[1], args[2])
  return 1
end
