import { randomUUID } from 'node:crypto'
import { ChangeLogError } from '../errors.ts'
import type { LogNotes } from '../log-notes.ts'
import type { RedisClient } from './redis-connection.ts'
import { redisError } from './redis-error.ts'
import type { LogKeys } from './redis-options.ts'

export function createRedisNotes(redis: RedisClient, { notes }: LogKeys): LogNotes {
  return {
    get: (name) => keeping(async () => (await redis.hget(notes, name)) ?? undefined),
    set: (name, text) => keeping(async () => void (await redis.hset(notes, name, text))),
    agree: (name, text) =>
      keeping(async () => {
        await redis.hsetnx(notes, name, text)
        return (await redis.hget(notes, name)) ?? text
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
