-- Take a partition if it is free, expired or already this owner's.
-- Flags  allow-oom
-- KEYS  1 lease (hash)   2 signals (stream)
-- ARGV  1 owner   2 lease_ms (int)   3 now (int, ms, 0 = server clock)
-- Returns  {1 acquired, commit, cursor, takeovers, now} | {0 held by another, now}
-- A takeover of another owner's expired lease is counted while the first unread signal stays the
-- same; a signal that nobody survives is found by that count.
local function acquire(keys, args)
  exactly(keys, 2, 'keys')
  exactly(args, 3, 'arguments')
  local owner, lease_ms, now = args[1], int(args, 2), instant(args, 3)
  if owner == '' or lease_ms == 0 then
    refuse('owner and lease_ms must not be empty')
  end
  local held = redis.call(
    'HMGET', keys[1], 'owner', 'expires_at', 'commit', 'cursor', 'takeovers', 'first_unread')
  local other = held[1] and held[1] ~= owner
  if other and (tonumber(held[2]) or 0) > now then
    return {0, now}
  end
  local commit, cursor = tonumber(held[3]) or 0, held[4] or '0-0'
  local entry = redis.call('XRANGE', keys[2], '(' .. cursor, '+', 'COUNT', 1)[1]
  local first = entry and entry[1] or ''
  local takeovers = 0
  if first ~= '' then
    if first == held[6] then
      takeovers = tonumber(held[5]) or 0
    end
    if other then
      takeovers = takeovers + 1
    end
  end
  redis.call('HSET', keys[1], 'owner', owner, 'expires_at', digits(now + lease_ms),
    'commit', digits(commit), 'cursor', cursor, 'takeovers', takeovers, 'first_unread', first)
  return {1, commit, cursor, takeovers, now}
end
