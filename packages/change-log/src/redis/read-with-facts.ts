import { Cluster, type Redis } from 'ioredis'
import type { RedisClient } from './redis-connection.ts'

/** Arguments of XREAD and of HMGET. */
type Read = ['COUNT', number, 'BLOCK', number, 'STREAMS', string, string]
type Facts = [key: string, ...fields: string[]]

/** What was read, and what stood beside it when it was: one server answers both, the facts last. */
export interface ReadWithFacts {
  page: unknown
  facts: readonly unknown[]
}

/** Sends both in one write. @throws {Error} what either is refused with */
export function readWithFacts(redis: RedisClient, read: Read, facts: Facts): Promise<ReadWithFacts> {
  return redis instanceof Cluster ? askNode(redis, read, facts) : askServer(redis, read, facts)
}

/** In a cluster both are sent again together, where their slot has moved. */
async function askNode(cluster: Cluster, read: Read, facts: Facts): Promise<ReadWithFacts> {
  const replies = await cluster
    .pipeline()
    .xreadBuffer(...read)
    .hmget(...facts)
    .exec()
  const [first, second] = replies ?? []
  if (first === undefined || second === undefined) throw new Error('Redis answered a read with nothing')
  for (const [error] of [first, second]) if (error !== null) throw error
  return { page: first[1], facts: Array.isArray(second[1]) ? (second[1] as unknown[]) : [] }
}

/**
 * Not by a pipeline of the library: each has a hidden class of its own, which keeps it, with its commands and their replies, until the next full
 * collection. At the tail of the log that is one for every change.
 */
async function askServer(redis: Redis, read: Read, facts: Facts): Promise<ReadWithFacts> {
  // Not there before the first connection, and another one after the next.
  const socket = redis.stream as Redis['stream'] | undefined
  socket?.cork()
  const replies = Promise.all([redis.xreadBuffer(...read), redis.hmget(...facts)])
  socket?.uncork()
  const [page, values] = await replies
  return { page, facts: values }
}
