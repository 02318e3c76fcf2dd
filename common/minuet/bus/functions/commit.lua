-- Apply one batch of a partition, whole or not at all.
-- Flags  allow-oom
-- KEYS  1 lease (hash)   2 signals (stream)   3 events (stream)   4 timers (zset)
--       5 cancelled (zset)   6 dead (stream)   7.. rest
-- rest  a run hash and an out hash for each run, then a tasks stream for each page
-- ARGV  1 owner   2 number (int)   3 cursor (id)   4 event   5 runs (int)   6 pages (int)
--       7 timers_add (int)   8 timers_del (int)   9 cancelled (int)   10 signals (int)
--       11 dead_letters (int)   12.. sections
-- sections  in that order; a run: mode (0 set, 1 purge, 2 unlink, 3 replace), count of its field
--       values, count of its output values, these values; a page, signal or dead letter: count,
--       values; a timer to add: score (int, ms), member; the others: member. Counts are of single
--       values, names included. An empty event is not written.
-- Returns  Redis time in ms | -1 owner or number are not what the lease holds, nothing was written
local function commit_runs(keys, args, at, n)
  for run = 1, n do
    local key, out = keys[5 + 2 * run], keys[6 + 2 * run]
    local mode, fields, outputs = args[at], tonumber(args[at + 1]), tonumber(args[at + 2])
    if mode ~= '0' then
      local head = mode == '1' and redis.call('HGET', key, 'head')
      redis.call('UNLINK', key, out)
      if head then
        redis.call('HSET', key, 'head', head)
      end
    end
    at = at + 3
    if mode ~= '2' then
      in_chunks('HSET', key, args, at, at + fields - 1)
      in_chunks('HSET', out, args, at + fields, at + fields + outputs - 1)
    end
    at = at + fields + outputs
  end
  return at
end

local function commit_cancelled(key, args, first, last, now)
  local scored, score = {}, digits(now)
  for i = first, last do
    scored[#scored + 1] = score
    scored[#scored + 1] = args[i]
  end
  in_chunks('ZADD', key, scored, 1, #scored)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', digits(now - CANCELLED_FOR_MS))
end

-- The sections' arithmetic, checked before anything is written.
local function commit_check(keys, args)
  at_least(args, 11, 'arguments')
  int(args, 2)
  entry_id(args, 3)
  local runs, pages, adds = int(args, 5), int(args, 6), int(args, 7)
  exactly(keys, 6 + 2 * runs + pages, 'keys')
  local at = 12
  for _ = 1, runs do
    if int(args, at) > 3 or #args[at] ~= 1 then
      refuse('ARGV ' .. at .. ' must be a mode from 0 to 3')
    end
    at = at + 3 + pairs_count(args, at + 1) + pairs_count(args, at + 2)
  end
  at = skip_entries(args, at, pages)
  for _ = 1, adds do
    int(args, at)
    at = at + 2
  end
  at = at + int(args, 8) + int(args, 9)
  at = skip_entries(args, at, int(args, 10))
  at = skip_entries(args, at, int(args, 11))
  exactly(args, at - 1, 'arguments')
end

local function commit_cursor(keys, args)
  local cursor = args[3]
  redis.call('HSET', keys[1], 'commit', digits(args[2] + 1), 'cursor', cursor)
  local ms, n = string.match(cursor, '^(%d+)%-(%d+)$')
  redis.call('XTRIM', keys[2], 'MINID', ms .. '-' .. digits(n + 1))
end

local function commit(keys, args)
  commit_check(keys, args)
  local held = redis.call('HMGET', keys[1], 'owner', 'commit')
  if held[1] ~= args[1] or (tonumber(held[2]) or 0) ~= tonumber(args[2]) then
    return -1
  end
  local now = server_ms()
  local runs, pages, adds, dels, cancels = int(args, 5), int(args, 6), int(args, 7), int(args, 8), int(args, 9)
  local at = commit_runs(keys, args, 12, runs)
  for page = 1, pages do
    at = add_entries(keys[6 + 2 * runs + page], args, at, 1)
  end
  -- Deletions first: a timer may be moved by naming it in both.
  in_chunks('ZREM', keys[4], args, at + 2 * adds, at + 2 * adds + dels - 1)
  in_chunks('ZADD', keys[4], args, at, at + 2 * adds - 1)
  at = at + 2 * adds + dels
  if cancels > 0 then
    commit_cancelled(keys[5], args, at, at + cancels - 1, now)
  end
  at = add_entries(keys[2], args, at + cancels, int(args, 10))
  add_entries(keys[6], args, at, int(args, 11))
  if args[4] ~= '' then
    redis.call('XADD', keys[3], '*', 'e', args[4])
  end
  commit_cursor(keys, args)
  return now
end
