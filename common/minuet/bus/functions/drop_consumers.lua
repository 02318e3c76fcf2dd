-- Forget consumers that went away: those that hold nothing and have asked for nothing for long.
-- Flags  allow-oom
-- KEYS  1 tasks (stream)
-- ARGV  1 min_idle_ms (int)
-- Returns  how many were forgotten
-- A function, because what a consumer takes between look and deletion would be lost with it.
local function drop_consumers(keys, args)
  exactly(keys, 1, 'keys')
  exactly(args, 1, 'arguments')
  local min_idle_ms, dropped = int(args, 1), 0
  local consumers = redis.pcall('XINFO', 'CONSUMERS', keys[1], GROUP)
  if consumers.err then
    return 0
  end
  for _, flat in ipairs(consumers) do
    local of = {}
    for i = 1, #flat, 2 do
      of[flat[i]] = flat[i + 1]
    end
    if of.pending == 0 and of.idle >= min_idle_ms then
      redis.call('XGROUP', 'DELCONSUMER', keys[1], GROUP, of.name)
      dropped = dropped + 1
    end
  end
  return dropped
end
