import { createScript } from './redis-connection.ts'

/* Each change of a durable reader is one script and so one step, timed by the server's clock. */

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function ms(value) return string.format('%.0f', value) end
`

// Forgets a reader, of which its lineage stays for a day, longer than any process is paused: were it to begin anew, a former owner could
// pass for its successor, and who remembers it would take it for lost.
const FORGET = `
local function forget(readers, reader, letters, order, id)
  redis.call('DEL', letters, order)
  if redis.call('SREM', readers, id) == 0 then return 0 end
  local known = redis.call('HMGET', reader, 'fence', 'born')
  redis.call('DEL', reader)
  redis.call('HSET', reader, 'fence', ms((known[1] or 0) + 1), 'born', known[2] or '0')
  redis.call('PEXPIRE', reader, 86400000)
  return 1
end
`

// Letters stand in a hash with a rising place in front of their text, and their keys by that place in an order of their own, so that the
// oldest can make room without a look at the others. Those that were kept before there was an order are put into it when room is made.
const LETTERS = `
local function put(letters, order, key, stored)
  redis.call('HSET', letters, key, stored)
  redis.call('ZADD', order, string.match(stored, '^%d+'), key)
end
local function remove(letters, order, key)
  redis.call('ZREM', order, key)
  return redis.call('HDEL', letters, key)
end
local function complete(letters, order)
  local all = redis.call('HGETALL', letters)
  for i = 1, #all, 2 do redis.call('ZADD', order, string.match(all[i + 1], '^%d+'), all[i]) end
end
`

// KEYS: readers, each reader, then reader, dead letters and their order, and both of the heir, for each that is replaced. ARGV: cursor,
// state, how many readers, the id of each, then id and fence of each that is replaced.
export const PLACE = createScript(`${NOW}${LETTERS}${FORGET}
local count = tonumber(ARGV[3])
local replaced = (#KEYS - 1 - count) / 5
for i = 1, replaced do
  local reader = redis.call('HMGET', KEYS[count + 5 * i - 3], 'fence', 'until')
  if (reader[1] or '0') ~= ARGV[count + 2 * i + 3] or tonumber(reader[2] or 0) > now then return 0 end
end
for i = 1, count do
  if redis.call('HEXISTS', KEYS[i + 1], 'cursor') == 0 then
    redis.call('HSET', KEYS[i + 1], 'cursor', ARGV[1], 'state', ARGV[2], 'savedAt', ms(now))
    if redis.call('HSETNX', KEYS[i + 1], 'fence', '0') == 1 then redis.call('HSET', KEYS[i + 1], 'born', ms(now)) end
    redis.call('PERSIST', KEYS[i + 1])
    redis.call('SADD', KEYS[1], ARGV[i + 3])
  end
end
for i = 1, replaced do
  local key = count + 5 * i - 3
  local letters = redis.call('HGETALL', KEYS[key + 1])
  for j = 1, #letters, 2 do put(KEYS[key + 3], KEYS[key + 4], letters[j], letters[j + 1]) end
  forget(KEYS[1], KEYS[key], KEYS[key + 1], KEYS[key + 2], ARGV[count + 2 * i + 2])
end
return 1
`)

// KEYS: reader, readers. ARGV: id, owner, lease in ms, then fence and birth as the caller knows them, or ''.
export const ACQUIRE = createScript(`${NOW}
local reader = redis.call('HMGET', KEYS[1], 'owner', 'until', 'cursor', 'state', 'fence', 'born')
local remaining = tonumber(reader[2] or 0) - now
local fence, born = tonumber(reader[5] or 0), tonumber(reader[6] or (reader[5] and 0 or now))
local isLost = false
if ARGV[4] ~= '' then
  local knownFence, knownBorn = tonumber(ARGV[4]), tonumber(ARGV[5])
  isLost = not reader[5] or born > knownBorn or (born == knownBorn and fence < knownFence)
  if isLost then fence, born = math.max(fence, knownFence), knownBorn end
end
if remaining > 0 and reader[1] ~= ARGV[2] and not isLost then return {'held', reader[1], ms(remaining), ms(born), fence, reader[3]} end
fence = fence + 1
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'until', ms(now + ARGV[3]), 'fence', ms(fence), 'born', ms(born))
redis.call('PERSIST', KEYS[1])
redis.call('SADD', KEYS[2], ARGV[1])
return {'taken', fence, ms(born), isLost and 1 or 0, reader[3], reader[4]}
`)

// KEYS: reader, dead letters, their order. ARGV: fence, owner, lease in ms, cursor or '', state, most letters, then key and text of each
// letter. The owner is compared as well: in a log that was lost and made anew fences began anew.
export const SAVE = createScript(`${NOW}${LETTERS}
local reader = redis.call('HMGET', KEYS[1], 'fence', 'owner')
if reader[1] ~= ARGV[1] or reader[2] ~= ARGV[2] then return -1 end
redis.call('HSET', KEYS[1], 'until', ms(now + ARGV[3]))
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'cursor', ARGV[4], 'state', ARGV[5], 'savedAt', ms(now)) end
for i = 7, #ARGV, 2 do
  put(KEYS[2], KEYS[3], ARGV[i], ms(redis.call('HINCRBY', KEYS[1], 'letters', 1)) .. ':' .. ARGV[i + 1])
end
if #ARGV <= 6 then return 0 end
local length = redis.call('HLEN', KEYS[2])
local excess = length - tonumber(ARGV[6])
if excess <= 0 then return 0 end
if redis.call('ZCARD', KEYS[3]) < length then complete(KEYS[2], KEYS[3]) end
local oldest = redis.call('ZPOPMIN', KEYS[3], excess)
for i = 1, #oldest, 2 do redis.call('HDEL', KEYS[2], oldest[i]) end
redis.call('HINCRBY', KEYS[1], 'lettersLost', excess)
return excess
`)

// KEYS: reader. ARGV: fence, owner.
export const RELEASE = createScript(`
local reader = redis.call('HMGET', KEYS[1], 'fence', 'owner')
if reader[1] == ARGV[1] and reader[2] == ARGV[2] then redis.call('HSET', KEYS[1], 'until', '0') end
return 1
`)

// KEYS: readers, then reader, dead letters and their order of each. ARGV: ids.
export const DROP = createScript(`${NOW}${FORGET}
local dropped = 0
for i = 1, #ARGV do dropped = dropped + forget(KEYS[1], KEYS[3 * i - 1], KEYS[3 * i], KEYS[3 * i + 1], ARGV[i]) end
return dropped
`)

// KEYS: dead letters and their order from, and to. ARGV: key.
export const MOVE = createScript(`${LETTERS}
local letter = redis.call('HGET', KEYS[1], ARGV[1])
if not letter then return 0 end
remove(KEYS[1], KEYS[2], ARGV[1])
put(KEYS[3], KEYS[4], ARGV[1], letter)
return 1
`)

// KEYS: dead letters, their order. ARGV: key. Answers how many went.
export const REMOVE = createScript(`${LETTERS}
return remove(KEYS[1], KEYS[2], ARGV[1])
`)

// KEYS: readers. ARGV: what the keys of readers and of their dead letters begin with: all of them lie in the slot of KEYS[1].
export const LIST = createScript(`${NOW}
local rows = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local fields = redis.call('HMGET', ARGV[1] .. id, 'owner', 'until', 'cursor', 'state', 'fence', 'savedAt', 'lettersLost', 'born')
  rows[#rows + 1] = {id, fields, redis.call('HLEN', ARGV[2] .. id), ms(now)}
end
return rows
`)
