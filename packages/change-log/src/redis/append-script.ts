import { createScript } from './redis-connection.ts'

/**
 * Keeps a run of entries, all or none, in one step of the server.
 *
 * KEYS: stream, meta, samples. ARGV: identity, id that must already be there (or ''), sample interval in ms, sample entries,
 * size of the largest of these entries, then id, header, key and value of each entry, ids rising. Answers one of
 *
 * ```
 *  ok         <entries kept>
 *  recreated  <identity of the present log, or ''>
 *  lost_tail  <newest id>          the entry before these is not there any more
 *  conflict   <id> <header there, or ''>
 * ```
 * A refused id is success when the same transaction stands there, or retention took it from there; a progress mark says nothing
 * that a newer entry does not say. Ids are compared as decimals without leading zeros: the longer is the greater.
 */
export const APPEND = createScript(`
local function split(id)
  local dash = string.find(id, '-', 1, true)
  return string.sub(id, 1, dash - 1), string.sub(id, dash + 1)
end
local function less(a, b)
  local am, an = split(a)
  local bm, bn = split(b)
  if #am ~= #bm then return #am < #bm end
  if am ~= bm then return am < bm end
  if #an ~= #bn then return #an < #bn end
  return an < bn
end
local meta = redis.call('HMGET', KEYS[2], 'identity', 'sampledAt', 'sampledAdded', 'trimmed', 'removed', 'largest')
if meta[1] ~= ARGV[1] then return {'recreated', meta[1] or ''} end
local newest = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then newest = info[i + 1] end
  end
end
if ARGV[2] ~= '' and less(newest, ARGV[2]) then return {'lost_tail', newest} end
local stream, argv, call, kept = KEYS[1], ARGV, redis.call, 0
-- Ids rise within a call, so beyond the first that is new nothing needs to be compared: that is nearly always the first.
local isNew = false
for i = 6, #argv, 4 do
  local id, header = argv[i], argv[i + 1]
  isNew = isNew or less(newest, id)
  if isNew then
    call('XADD', stream, id, 'h', header, 'key', argv[i + 2], 'value', argv[i + 3])
    kept = kept + 1
  elseif string.sub(header, 1, 2) ~= 'p:' then
    local there = call('XRANGE', stream, id, id)
    local present = there[1] and there[1][2][1] == 'h' and there[1][2][2] or ''
    local isTrimmed = #there == 0 and meta[4] and not less(meta[4], id)
    if present ~= header and not isTrimmed then return {'conflict', id, present} end
  end
end
if kept > 0 then
  newest = argv[#argv - 3]
  if tonumber(ARGV[5]) > tonumber(meta[6] or 0) then redis.call('HSET', KEYS[2], 'largest', ARGV[5]) end
end
-- Samples are where the log may be cut, so they stand between transactions.
local header = ARGV[#ARGV - 2]
if kept > 0 and (string.sub(header, 1, 2) ~= 'c:' or string.sub(header, -2) == ':1') then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local added = redis.call('XLEN', KEYS[1]) + (meta[5] or 0)
  if now - (meta[2] or 0) >= tonumber(ARGV[3]) or added - (meta[3] or 0) >= tonumber(ARGV[4]) then
    redis.call('ZADD', KEYS[3], added, string.format('%.0f', now) .. ':' .. newest)
    redis.call('HSET', KEYS[2], 'sampledAt', string.format('%.0f', now), 'sampledAdded', string.format('%.0f', added))
  end
end
return {'ok', kept}
`)

/**
 * Removes everything before an id and remembers the last entry that went, so that readers can tell a gap from a quiet log.
 *
 * KEYS: stream, meta, samples. ARGV: the oldest id that stays. Answers how many entries went.
 */
export const TRIM = createScript(`
local last = redis.call('XREVRANGE', KEYS[1], '(' .. ARGV[1], '-', 'COUNT', 1)
if #last == 0 then return 0 end
redis.call('HSET', KEYS[2], 'trimmed', last[1][1])
local removed = redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
local total = redis.call('HINCRBY', KEYS[2], 'removed', removed)
local below = redis.call('ZCOUNT', KEYS[3], '-inf', total)
if below > 1 then redis.call('ZREMRANGEBYRANK', KEYS[3], 0, below - 2) end
return removed
`)

/**
 * Notes when the log had how many entries, for logs that Debezium writes.
 *
 * KEYS: stream, meta, samples. ARGV: interval in ms, most samples.
 */
export const SAMPLE = createScript(`
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if #last == 0 then return 0 end
local meta = redis.call('HMGET', KEYS[2], 'sampledAt', 'sampledAdded', 'removed')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local added = redis.call('XLEN', KEYS[1]) + (meta[3] or 0)
if added ~= tonumber(meta[2] or 0) and now - (meta[1] or 0) >= tonumber(ARGV[1]) then
  redis.call('ZADD', KEYS[3], added, string.format('%.0f', now) .. ':' .. last[1][1])
  redis.call('HSET', KEYS[2], 'sampledAt', string.format('%.0f', now), 'sampledAdded', string.format('%.0f', added))
end
local excess = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[2])
if excess > 0 then redis.call('ZREMRANGEBYRANK', KEYS[3], 0, excess - 1) end
return added
`)

/**
 * How many entries fit into a page.
 *
 * KEYS: stream. ARGV: the place before them, the last one wanted or `+`, most entries, most bytes, entries looked at in one go.
 * Answers at least 1, so that an entry larger than a page is one by itself.
 */
export const FIT = createScript(`
local after, most, bytes, step = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local count, total = 0, 0
while count < most do
  local page = redis.call('XRANGE', KEYS[1], '(' .. after, ARGV[2], 'COUNT', step)
  for _, entry in ipairs(page) do
    for _, field in ipairs(entry[2]) do total = total + #field end
    if total > bytes then return math.max(count, 1) end
    count = count + 1
    after = entry[1]
  end
  if #page < step then break end
end
return math.max(math.min(count, most), 1)
`)
