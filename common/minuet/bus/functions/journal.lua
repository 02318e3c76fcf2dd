-- Move an execution's journal on, if nobody else moved it meanwhile.
-- Flags  allow-oom
-- KEYS  1 journal (string)
-- ARGV  1 previous   2 next   3 ttl_s (int, s)
-- Returns  1 moved, or it stood there already | 0 the journal is somewhere else
-- `previous` is empty for the first entry. Saying the same twice is harmless: a reply may be lost.
local function journal(keys, args)
  exactly(keys, 1, 'keys')
  exactly(args, 3, 'arguments')
  local ttl_s = int(args, 3)
  if args[2] == '' then
    refuse('next must not be empty')
  end
  if ttl_s < 1 then
    refuse('ttl_s must be at least 1')
  end
  local stands = redis.call('GET', keys[1]) or ''
  if stands ~= args[1] and stands ~= args[2] then
    return 0
  end
  redis.call('SET', keys[1], args[2], 'EX', digits(ttl_s))
  return 1
end
