-- Finish entries; what they still held becomes one `done` signal, if they were still pending.
-- Flags  allow-oom
-- KEYS  1 signals (stream)   2 splits (hash)   3.. tasks
-- tasks  the stream of each entry
-- ARGV  1.. entries
-- entries  for each: its id (id), its mark in splits, count, then token ids and outcomes in turn
-- Returns  for each entry: 1 finished | 0 not pending any more, its results were dropped
local function complete(keys, args)
  at_least(keys, 3, 'keys')
  local at = 1
  for _ = 3, #keys do
    entry_id(args, at)
    at = at + 3 + pairs_count(args, at + 2)
  end
  exactly(args, at - 1, 'arguments')
  local finished, results = {}, {}
  at = 1
  for i = 3, #keys do
    local id, mark, n = args[at], args[at + 1], tonumber(args[at + 2])
    local took = redis.call('XACK', keys[i], GROUP, id)
    finished[#finished + 1] = took
    if took == 1 then
      redis.call('XDEL', keys[i], id)
      redis.call('HDEL', keys[2], mark)
      for j = at + 3, at + 2 + n do
        results[#results + 1] = args[j]
      end
    end
    at = at + 3 + n
  end
  add_done(keys[1], results)
  return finished
end
