-- Create the consumer group of task streams that lack it, and the streams; from their first entry.
-- Flags  allow-oom
-- KEYS  1.. tasks
-- tasks  any streams of one partition
-- ARGV  none
-- Returns  how many groups were made
-- A function, because a full server refuses the plain command to workers who would drain it.
local function make_groups(keys, args)
  at_least(keys, 1, 'keys')
  exactly(args, 0, 'arguments')
  local made = 0
  for _, tasks in ipairs(keys) do
    local reply = redis.pcall('XGROUP', 'CREATE', tasks, GROUP, '0', 'MKSTREAM')
    if not reply.err then
      made = made + 1
    elseif not string.find(reply.err, 'BUSYGROUP', 1, true) then
      error(reply)
    end
  end
  return made
end
