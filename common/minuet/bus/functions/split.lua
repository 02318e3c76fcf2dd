-- Record the results so far of a page, keep the token in hand, add the unstarted ones anew.
-- Flags  allow-oom
-- KEYS  1 tasks (stream)   2 signals (stream)   3 splits (hash)
-- ARGV  1 consumer   2 entry (id)   3 mark   4 in_hand   5 results (int)   6 unstarted (int)
--       7.. values
-- values  results: token ids and outcomes in turn; unstarted: token ids and tokens in turn
-- Returns  1 done | 0 the entry is not this consumer's any more, nothing was written
local function split(keys, args)
  exactly(keys, 3, 'keys')
  at_least(args, 6, 'arguments')
  local results, unstarted = pairs_count(args, 5), pairs_count(args, 6)
  if unstarted > MAX_UNPACK then
    refuse('too many unstarted tokens')
  end
  exactly(args, 6 + results + unstarted, 'arguments')
  local id = entry_id(args, 2)
  if not holds(keys[1], args[1], id) then
    return 0
  end
  redis.call('HSET', keys[3], args[3], args[4])
  local done = {}
  for i = 7, 6 + results do
    done[#done + 1] = args[i]
  end
  add_done(keys[2], done)
  if unstarted > 0 then
    redis.call('XADD', keys[1], '*', unpack(args, 7 + results, 6 + results + unstarted))
  end
  return 1
end
