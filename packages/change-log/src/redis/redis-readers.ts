import { parseEntryId } from '@zenstack-live/protocol'
import { optionalEntryId } from '../entry-id-parts.ts'
import type { DeadLetter, DurableReaders, ReaderInfo } from '../durable-readers.ts'
import { ChangeLogError } from '../errors.ts'
import { fencedMessage } from '../fenced-message.ts'
import { CHANGE_LOG_LIMITS } from '../limits.ts'
import { createScript, runScript, type RedisClient } from './redis-connection.ts'
import { redisError } from './redis-error.ts'
import type { LogKeys } from './redis-options.ts'

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function ms(value) return string.format('%.0f', value) end
`

// KEYS: reader, readers. ARGV: id, owner, lease in ms.
const ACQUIRE = createScript(`${NOW}
local reader = redis.call('HMGET', KEYS[1], 'owner', 'until', 'cursor', 'state')
local remaining = tonumber(reader[2] or 0) - now
if remaining > 0 and reader[1] ~= ARGV[2] then return {'held', reader[1], ms(remaining)} end
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'until', ms(now + ARGV[3]))
redis.call('PERSIST', KEYS[1])
redis.call('SADD', KEYS[2], ARGV[1])
return {'taken', fence, reader[3], reader[4]}
`)

// KEYS: reader, dead letters. ARGV: fence, lease in ms, cursor or '', state, most letters, then key and text of each letter.
// Letters stand in a hash with a rising place in front of their text, so that the oldest can make room.
const SAVE = createScript(`${NOW}
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'until', ms(now + ARGV[2]))
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'cursor', ARGV[3], 'state', ARGV[4], 'savedAt', ms(now)) end
for i = 6, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ms(redis.call('HINCRBY', KEYS[1], 'letters', 1)) .. ':' .. ARGV[i + 1])
end
if #ARGV > 5 then
  local excess = redis.call('HLEN', KEYS[2]) - tonumber(ARGV[5])
  if excess > 0 then
    local all = redis.call('HGETALL', KEYS[2])
    local places = {}
    for i = 1, #all, 2 do places[#places + 1] = {all[i], tonumber(string.match(all[i + 1], '^%d+'))} end
    table.sort(places, function(a, b) return a[2] < b[2] end)
    for i = 1, excess do redis.call('HDEL', KEYS[2], places[i][1]) end
  end
end
return 1
`)

// KEYS: reader. ARGV: fence.
const RELEASE = createScript(`
if redis.call('HGET', KEYS[1], 'fence') == ARGV[1] then redis.call('HSET', KEYS[1], 'until', '0') end
return 1
`)

// KEYS: reader, dead letters, readers. ARGV: id.
// The fence stays for a day, longer than any process is paused: were it to begin anew, a former owner could pass for its successor.
const DROP = createScript(`
redis.call('DEL', KEYS[2])
if redis.call('SREM', KEYS[3], ARGV[1]) == 0 then return 0 end
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'fence', fence)
redis.call('PEXPIRE', KEYS[1], 86400000)
return 1
`)

// KEYS: dead letters from, to. ARGV: key.
const MOVE = createScript(`
local letter = redis.call('HGET', KEYS[1], ARGV[1])
if not letter then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], letter)
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
`)

// KEYS: readers. ARGV: what the keys of readers and of their dead letters begin with: all of them lie in the slot of KEYS[1].
const LIST = createScript(`${NOW}
local rows = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local fields = redis.call('HMGET', ARGV[1] .. id, 'owner', 'until', 'cursor', 'state', 'fence', 'savedAt')
  rows[#rows + 1] = {id, fields, redis.call('HLEN', ARGV[2] .. id), ms(now)}
end
return rows
`)

/** Cursors and leases in Redis, each change one script and so one step, timed by the server's clock. */
export function createRedisReaders(redis: RedisClient, keys: LogKeys): DurableReaders {
  const run = async (doing: string, ...call: Parameters<typeof runScript> extends [unknown, ...infer Rest] ? Rest : never): Promise<unknown> => {
    try {
      return await runScript(redis, ...call)
    } catch (cause) {
      throw redisError(cause, doing)
    }
  }
  return {
    async acquire(id, { owner, leaseMs }) {
      const reply = await run('taking a reader over', ACQUIRE, [keys.reader(id), keys.readers], [id, owner, leaseMs])
      const [outcome, first, second, third] = Array.isArray(reply) ? (reply as unknown[]) : []
      if (outcome === 'held') return { heldByOwner: String(first), remainingMs: Number(second) }
      const record = typeof second === 'string' ? { cursor: parseEntryId(second), state: typeof third === 'string' ? third : '' } : undefined
      return { id, owner, leaseMs, fence: Number(first), record }
    },
    async save(lease, { record, deadLetters = [] }) {
      const args = [lease.fence, lease.leaseMs, record?.cursor ?? '', record?.state ?? '', CHANGE_LOG_LIMITS.maxDeadLetters]
      const letters = deadLetters.flatMap(({ key, text }) => [key, text])
      const reply = await run('saving a reader', SAVE, [keys.reader(lease.id), keys.deadLetters(lease.id)], [...args, ...letters])
      if (reply !== 1) throw new ChangeLogError('reader_fenced', fencedMessage(lease))
    },
    async release(lease) {
      await run('releasing a reader', RELEASE, [keys.reader(lease.id)], [lease.fence])
    },
    async list() {
      const reply = await run('listing readers', LIST, [keys.readers], [keys.reader(''), keys.deadLetters('')])
      return parseReaders(reply)
    },
    async drop(id) {
      return (await run('dropping a reader', DROP, [keys.reader(id), keys.deadLetters(id), keys.readers], [id])) === 1
    },
    async deadLetters(id) {
      const all = Object.entries(await redis.hgetall(keys.deadLetters(id)))
      return all
        .map(([key, stored]) => ({ key, place: Number(stored.slice(0, stored.indexOf(':'))), text: stored.slice(stored.indexOf(':') + 1) }))
        .sort((a, b) => a.place - b.place)
        .map(({ key, text }): DeadLetter => ({ key, text }))
    },
    async moveDeadLetter(id, key, toId) {
      return (await run('moving a dead letter', MOVE, [keys.deadLetters(id), keys.deadLetters(toId)], [key])) === 1
    },
    async removeDeadLetter(id, key) {
      return (await redis.hdel(keys.deadLetters(id), key)) === 1
    },
  }
}

function parseReaders(reply: unknown): ReaderInfo[] {
  const rows = (Array.isArray(reply) ? (reply as unknown[][]) : []).map(([id, fields, letters, nowMs]) => {
    const [owner, until, cursor, state, fence, savedAt] = fields as (string | null)[]
    return {
      id: String(id),
      cursor: optionalEntryId(cursor),
      state: state ?? undefined,
      owner: Number(until ?? 0) > Number(nowMs) ? (owner ?? undefined) : undefined,
      fence: Number(fence ?? 0),
      deadLetters: Number(letters),
      savedAtMs: savedAt === null || savedAt === undefined ? undefined : Number(savedAt),
    }
  })
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1))
}
