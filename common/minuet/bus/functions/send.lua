-- Append signals unless it is too late; refused by a server out of memory (starts).
-- Flags  none
-- KEYS  1 signals (stream)
-- ARGV  1 not_after (int, ms, 0 = never late)   2 entries (int)   3.. values
-- values  for each entry: count, then that many names and values in turn
-- Returns  how many entries were appended: all | 0 too late
local function send(keys, args)
  return append(keys, args)
end
