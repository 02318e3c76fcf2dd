-- Give an unstarted page back, as entries of one token; this delivery is not counted.
-- Flags  allow-oom
-- KEYS  1 tasks (stream)   2 splits (hash)
-- ARGV  1 consumer   2 entry (id)   3 mark
-- Returns  1 done | 0 the entry is not this consumer's any more, nothing was written
local function surrender(keys, args)
  exactly(keys, 2, 'keys')
  exactly(args, 3, 'arguments')
  local id = entry_id(args, 2)
  if not holds(keys[1], args[1], id) then
    return 0
  end
  local tokens, earlier = still_held(keys[1], keys[2], id, args[3])
  drop_entry(keys[1], keys[2], id, args[3])
  for i = 1, #(tokens or {}), 2 do
    add_single(keys[1], tokens[i], tokens[i + 1], earlier)
  end
  return 1
end
