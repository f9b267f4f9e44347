import { Cluster, type Redis } from 'ioredis'
import type { RedisClient } from './redis-connection.ts'

/** Arguments of XREAD and of HMGET. */
type Read = ['COUNT', number, 'BLOCK', number, 'STREAMS', string, string]
type Facts = [key: string, ...fields: string[]]

/** What was read, and what stood beside it then: both are of one connection, the facts not older. */
export interface ReadWithFacts {
  page: unknown
  facts: readonly unknown[]
}

/** @throws {Error} what either is refused with; also where a connection was lost between the two */
export function readWithFacts(redis: RedisClient, read: Read, facts: Facts): Promise<ReadWithFacts> {
  return redis instanceof Cluster ? askCluster(redis, read, facts) : askServer(redis, read, facts)
}

/** Both are sent again together where their slot has moved. */
async function askCluster(cluster: Cluster, read: Read, facts: Facts): Promise<ReadWithFacts> {
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
 * Not by a pipeline of the library: each is given an accessor of its own, which keeps it, with its commands and their replies, until the next full
 * collection. At the tail of the log that is one for every change.
 */
async function askServer(redis: Redis, read: Read, facts: Facts): Promise<ReadWithFacts> {
  // One write, where there is a connection already.
  const socket = redis.stream as Redis['stream'] | undefined
  socket?.cork()
  const replies = Promise.all([answered(redis, redis.xreadBuffer(...read)), answered(redis, redis.hmget(...facts))])
  socket?.uncork()
  const [page, values] = await replies
  // What was not answered is sent again by itself on the next connection, which may lead to a server that knows less.
  if (page.by !== values.by) throw new Error('the connection was lost between a read and its facts')
  return { page: page.value, facts: values.value }
}

/** A reply, and the connection that brought it. */
async function answered<Value>(redis: Redis, reply: Promise<Value>): Promise<{ value: Value; by: Redis['stream'] }> {
  const value = await reply
  return { value, by: redis.stream }
}
