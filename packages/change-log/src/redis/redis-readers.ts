import { parseEntryId } from '@zenstack-live/protocol'
import { optionalEntryId } from '../entry-id-parts.ts'
import type { DeadLetter, DurableReaders, HeldReader, ReaderInfo, ReaderLease } from '../durable-readers.ts'
import { ChangeLogError } from '../errors.ts'
import { fencedMessage } from '../fenced-message.ts'
import { CHANGE_LOG_LIMITS } from '../limits.ts'
import { ACQUIRE, DROP, LIST, MOVE, PLACE, RELEASE, REMOVE, SAVE } from './reader-scripts.ts'
import { runScript, type RedisClient } from './redis-connection.ts'
import { redisError } from './redis-error.ts'
import type { LogKeys } from './redis-options.ts'

type Run = (doing: string, ...call: Parameters<typeof runScript> extends [unknown, ...infer Rest] ? Rest : never) => Promise<unknown>

/** Cursors and leases in Redis. */
export function createRedisReaders(redis: RedisClient, keys: LogKeys): DurableReaders {
  const run: Run = async (doing, ...call) => {
    try {
      return await runScript(redis, ...call)
    } catch (cause) {
      throw redisError(cause, doing)
    }
  }
  return {
    async place(ids, { cursor, state }, replaced = []) {
      const others = replaced.flatMap(({ id, heir }) => [keys.reader(id), ...letterKeys(keys, id), ...letterKeys(keys, heir)])
      const fences = replaced.flatMap(({ id, fence }) => [id, fence])
      const args = [cursor, state, ids.length, ...ids, ...fences]
      return (await run('giving readers a place', PLACE, [keys.readers, ...ids.map(keys.reader), ...others], args)) === 1
    },
    async acquire(id, { owner, leaseMs, known }) {
      const args = [id, owner, leaseMs, known?.fence ?? '', known?.bornMs ?? '']
      const reply = await run('taking a reader over', ACQUIRE, [keys.reader(id), keys.readers], args)
      return parseAcquired(reply, { id, owner, leaseMs })
    },
    async save(lease, { record, deadLetters = [], maxDeadLetters = CHANGE_LOG_LIMITS.maxDeadLetters }) {
      const args = [lease.fence, lease.owner, lease.leaseMs, record?.cursor ?? '', record?.state ?? '', maxDeadLetters]
      const letters = deadLetters.flatMap(({ key, text }) => [key, text])
      const reply = Number(await run('saving a reader', SAVE, [keys.reader(lease.id), ...letterKeys(keys, lease.id)], [...args, ...letters]))
      if (reply < 0) throw new ChangeLogError('reader_fenced', fencedMessage(lease))
      return { lettersLost: reply }
    },
    async release(lease) {
      await run('releasing a reader', RELEASE, [keys.reader(lease.id)], [lease.fence, lease.owner])
    },
    async list() {
      // The client puts its prefix before keys only, and these are arguments.
      const { keyPrefix = '' } = redis.options
      const reply = await run('listing readers', LIST, [keys.readers], [keyPrefix + keys.reader(''), keyPrefix + keys.deadLetters('')])
      return parseReaders(reply)
    },
    async drop(ids) {
      const all = ids.flatMap((id) => [keys.reader(id), ...letterKeys(keys, id)])
      return Number(await run('dropping readers', DROP, [keys.readers, ...all], [...ids])) > 0
    },
    ...createRedisLetters(redis, keys, run),
  }
}

function letterKeys(keys: LogKeys, id: string): [string, string] {
  return [keys.deadLetters(id), keys.deadLetterOrder(id)]
}

type Letters = Pick<DurableReaders, 'deadLetters' | 'countDeadLetters' | 'moveDeadLetter' | 'removeDeadLetter'>

function createRedisLetters(redis: RedisClient, keys: LogKeys, run: Run): Letters {
  return {
    async deadLetters(id) {
      const all = Object.entries(await redis.hgetall(keys.deadLetters(id)))
      return all
        .map(([key, stored]) => ({ key, place: Number(stored.slice(0, stored.indexOf(':'))), text: stored.slice(stored.indexOf(':') + 1) }))
        .sort((a, b) => a.place - b.place)
        .map(({ key, text }): DeadLetter => ({ key, text }))
    },
    async countDeadLetters(id) {
      return redis.hlen(keys.deadLetters(id))
    },
    async moveDeadLetter(id, key, toId) {
      return (await run('moving a dead letter', MOVE, [...letterKeys(keys, id), ...letterKeys(keys, toId)], [key])) === 1
    },
    async removeDeadLetter(id, key) {
      return (await run('removing a dead letter', REMOVE, letterKeys(keys, id), [key])) === 1
    },
  }
}

function parseAcquired(reply: unknown, asked: { id: string; owner: string; leaseMs: number }): ReaderLease | HeldReader {
  const [outcome, ...facts] = Array.isArray(reply) ? (reply as unknown[]) : []
  if (outcome === 'held') {
    const [owner, remaining, born, fence, cursor] = facts
    const lineage = { bornMs: Number(born), fence: Number(fence) }
    return { heldByOwner: String(owner), remainingMs: Number(remaining), ...lineage, cursor: optionalEntryId(cursor) }
  }
  const [fence, born, isLost, cursor, state] = facts
  const record = typeof cursor === 'string' ? { cursor: parseEntryId(cursor), state: typeof state === 'string' ? state : '' } : undefined
  return { ...asked, bornMs: Number(born), fence: Number(fence), record, isLost: isLost === 1 }
}

function parseReaders(reply: unknown): ReaderInfo[] {
  const rows = (Array.isArray(reply) ? (reply as unknown[][]) : []).map(([id, fields, letters, nowMs]) => {
    const [owner, until, cursor, state, fence, savedAt, lettersLost, born] = fields as (string | null)[]
    return {
      id: String(id),
      cursor: optionalEntryId(cursor),
      state: state ?? undefined,
      owner: Number(until ?? 0) > Number(nowMs) ? (owner ?? undefined) : undefined,
      bornMs: Number(born ?? 0),
      fence: Number(fence ?? 0),
      deadLetters: Number(letters),
      lettersLost: Number(lettersLost ?? 0),
      savedAtMs: savedAt === null || savedAt === undefined ? undefined : Number(savedAt),
    }
  })
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1))
}
