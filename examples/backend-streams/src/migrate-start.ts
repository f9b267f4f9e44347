// #region migrate-start
import type { Redis } from 'ioredis'

/**
 * When a stream has to begin that takes over from a consumer group on one of Debezium's per-table streams.
 *
 * Each old consumer fetched `batchSize` entries at a time and never looked at what it had fetched and not acknowledged. What they leave
 * behind lies among the last entries that were delivered to them and are still there, for they deleted what they had handled.
 *
 * @param latencyMs - longest time that a change took from its commit into the old stream
 */
export async function startOfConsumerGroup(redis: Redis, stream: string, group: string, { batchSize = 5, latencyMs = 60_000 } = {}): Promise<Date> {
  const groups = (await redis.xinfo('GROUPS', stream)) as unknown[][]
  const facts = groups.map((list) => new Map(pairs(list))).find((candidate) => candidate.get('name') === group)
  const lastDelivered = facts?.get('last-delivered-id')
  if (typeof lastDelivered !== 'string') throw new Error(`There is no group "${group}" on "${stream}".`)
  const consumers = Math.max(1, Number(facts?.get('consumers')))
  const left = await redis.xrevrange(stream, lastDelivered, '-', 'COUNT', batchSize * consumers)
  const oldest = left.at(-1)?.[0] ?? lastDelivered
  return new Date(Number(oldest.split('-')[0]) - latencyMs)
}

function pairs(list: readonly unknown[]): [unknown, unknown][] {
  return list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1]]] : []))
}
// #endregion
