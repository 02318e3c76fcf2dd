-- Publish the number of partitions; it only grows.
-- Flags  allow-oom
-- KEYS  1 partitions (string)
-- ARGV  1 count (int)
-- Returns  the number that is published now
local function publish_partitions(keys, args)
  exactly(keys, 1, 'keys')
  exactly(args, 1, 'arguments')
  local count = int(args, 1)
  local published = tonumber(redis.call('GET', keys[1])) or 0
  if count <= published then
    return published
  end
  redis.call('SET', keys[1], args[1])
  return count
end
