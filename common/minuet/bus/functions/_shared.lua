-- Shared by all functions: argument checks and calls in chunks. Not a function itself.
local GROUP = 'workers'
-- Lua's C stack takes about 8,000 values at once; an even number keeps pairs together.
local MAX_UNPACK = 4000
local CANCELLED_FOR_MS = 3600000

local function refuse(text)
  error({err = 'BADARGS ' .. text})
end

local function int(args, i)
  local text = args[i]
  if not text or #text > 15 or not string.find(text, '^%d+$') then
    refuse('ARGV ' .. i .. ' must be a whole number')
  end
  return tonumber(text)
end

-- A count of values that come in pairs.
local function pairs_count(args, i)
  local n = int(args, i)
  if n % 2 == 1 then
    refuse('ARGV ' .. i .. ' must be even')
  end
  return n
end

-- A count of values of one stream entry: pairs, at least one, few enough to unpack at once.
local function entry_count(args, i)
  local n = pairs_count(args, i)
  if n == 0 or n > MAX_UNPACK then
    refuse('ARGV ' .. i .. ' must be from 2 to ' .. MAX_UNPACK)
  end
  return n
end

local function entry_id(args, i)
  local text = args[i]
  if not text or #text > 40 or not string.find(text, '^%d+%-%d+$') then
    refuse('ARGV ' .. i .. ' must be an entry id')
  end
  return text
end

local function exactly(list, n, what)
  if #list ~= n then
    refuse(#list .. ' ' .. what .. ' given, ' .. n .. ' needed')
  end
end

local function at_least(list, n, what)
  if #list < n then
    refuse(#list .. ' ' .. what .. ' given, at least ' .. n .. ' needed')
  end
end

-- Walk `n` entries (each: count, then that many values) from ARGV `i`; the index after them.
local function skip_entries(args, i, n)
  for _ = 1, n do
    i = i + 1 + entry_count(args, i)
  end
  return i
end

local function add_entries(key, args, i, n)
  for _ = 1, n do
    local last = i + tonumber(args[i])
    redis.call('XADD', key, '*', unpack(args, i + 1, last))
    i = last + 1
  end
  return i
end

-- One call for each chunk of ARGV first..last.
local function in_chunks(command, key, args, first, last)
  for i = first, last, MAX_UNPACK do
    redis.call(command, key, unpack(args, i, math.min(i + MAX_UNPACK - 1, last)))
  end
end

-- Results (token id, outcome, ...) as signals of kind `done`.
local function add_done(signals, results)
  local chunk = MAX_UNPACK - 2
  for i = 1, #results, chunk do
    local last = math.min(i + chunk - 1, #results)
    redis.call('XADD', signals, '*', 'k', 'done', unpack(results, i, last))
  end
end

local function server_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The instant given in ARGV `i`, or the server clock if that is 0.
local function instant(args, i)
  local given = int(args, i)
  if given > 0 then
    return given
  end
  return server_ms()
end

local function digits(number)
  return string.format('%.0f', number)
end

-- Append entries of ARGV 3.. to `signals` unless it is later than ARGV 1.
local function append(keys, args)
  exactly(keys, 1, 'keys')
  at_least(args, 3, 'arguments')
  local not_after = int(args, 1)
  local n = int(args, 2)
  exactly(args, skip_entries(args, 3, n) - 1, 'arguments')
  if not_after > 0 and server_ms() > not_after then
    return 0
  end
  add_entries(keys[1], args, 3, n)
  return n
end

-- Does `consumer` hold the entry? False too if stream or group are gone.
local function holds(tasks, consumer, id)
  local pending = redis.pcall('XPENDING', tasks, GROUP, id, id, 1, consumer)
  return pending.err == nil and #pending == 1
end

-- What an entry still holds: {token id, token, ...}, and the deliveries of earlier entries.
-- After a split only the token in hand is left. Nil if the entry is gone.
local function still_held(tasks, splits, id, mark)
  local entry = redis.call('XRANGE', tasks, id, id)[1]
  if not entry then
    return nil, 0
  end
  local in_hand = redis.call('HGET', splits, mark)
  local tokens, earlier = {}, 0
  for i = 1, #entry[2], 2 do
    local name, value = entry[2][i], entry[2][i + 1]
    if name == 'd' then
      earlier = tonumber(value) or 0
    elseif not in_hand or in_hand == name then
      tokens[#tokens + 1] = name
      tokens[#tokens + 1] = value
    end
  end
  return tokens, earlier
end

local function drop_entry(tasks, splits, id, mark)
  redis.call('XACK', tasks, GROUP, id)
  redis.call('XDEL', tasks, id)
  redis.call('HDEL', splits, mark)
end

-- Add one token as an entry of its own that was delivered `d` times before.
local function add_single(tasks, token, json, d)
  if d > 0 then
    redis.call('XADD', tasks, '*', token, json, 'd', digits(d))
  else
    redis.call('XADD', tasks, '*', token, json)
  end
end
