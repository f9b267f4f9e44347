import { randomUUID } from 'node:crypto'
import { ChangeLogError } from '../errors.ts'
import type { LogNotes } from '../log-notes.ts'
import type { RedisClient } from './redis-connection.ts'
import { redisError } from './redis-error.ts'
import type { LogKeys } from './redis-options.ts'

export interface RedisNotes extends LogNotes {
  /** Puts what was agreed on into a log that took the place of the one it was agreed on in. @returns the names of what others agreed on meanwhile */
  agreeAgain(): Promise<string[]>
}

export function createRedisNotes(redis: RedisClient, { notes }: LogKeys): RedisNotes {
  const agreed = new Map<string, string>()
  const keepFirst = async (name: string, text: string): Promise<string> => {
    await redis.hsetnx(notes, name, text)
    return (await redis.hget(notes, name)) ?? text
  }
  return {
    get: (name) => keeping(async () => (await redis.hget(notes, name)) ?? undefined),
    set: (name, text) => keeping(async () => void (await redis.hset(notes, name, text))),
    agree: (name, text) =>
      keeping(async () => {
        const kept = await keepFirst(name, text)
        agreed.set(name, kept)
        return kept
      }),
    agreeAgain: () =>
      keeping(async () => {
        const others: string[] = []
        for (const [name, text] of agreed) if ((await keepFirst(name, text)) !== text) others.push(name)
        return others
      }),
  }
}

/** The identity of the log that is there; the first to ask gives it one. */
export async function agreeOnIdentity(redis: RedisClient, { meta, stream }: LogKeys): Promise<string> {
  await redis.hsetnx(meta, 'identity', randomUUID())
  const identity = await redis.hget(meta, 'identity')
  if (identity === null) throw new ChangeLogError('log_unavailable', `The identity of the log "${stream}" vanished while it was made. Try again.`)
  return identity
}

async function keeping<Value>(run: () => Promise<Value>): Promise<Value> {
  try {
    return await run()
  } catch (cause) {
    throw redisError(cause, 'keeping a note')
  }
}
