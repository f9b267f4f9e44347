import type { EntryId } from '@zenstack-live/protocol'
import { epochOfEntryId } from '@zenstack-live/protocol'
import type { ChangeLogLimits } from '../limits.ts'
import { endingOf } from './debezium-reader.ts'
import type { RedisClient } from './redis-connection.ts'
import { parseEntries } from './redis-entries.ts'

/** Few at first: the newest change stands at the very end, unless heartbeats came since. */
const STEPS = [10, 100, 1_000, 5_000]
const CURE = 'Set "debezium.source.provide.transaction.metadata=true", and route "<topic.prefix>.transaction" into this stream too.'

/**
 * Whether Debezium Server says where its transactions end. Where it does not, readers wait for ever: for the rest of the newest
 * transaction, and for the log to reach a place.
 *
 * @returns what is wrong, and its cure
 */
export async function inspectDebezium(redis: RedisClient, stream: string, limits: ChangeLogLimits): Promise<string | undefined> {
  for (const count of STEPS) {
    const entries = parseEntries(await redis.xrevrangeBuffer(stream, '+', '-', 'COUNT', count))
    if (entries.some(({ id }) => epochOfEntryId(id) > 0)) return undefined
    for (const entry of entries) {
      const ending = endingOf(entry)
      if (ending === 'end') return undefined
      if (ending === 'unannounced') return `Debezium does not say where transactions end. ${CURE}`
      if (ending === 'announced') return (await ageMs(redis, entry.id)) < limits.debeziumEndMs ? undefined : overdue(entry.id)
    }
    if (entries.length < count) return undefined
  }
  return undefined
}

function overdue(id: EntryId): string {
  return `The end of Debezium's newest transaction (entry ${id}) is overdue: Debezium was ended in the middle of it, or its END goes elsewhere. Start it. ${CURE}`
}

/** Debezium's ids are the clock of Redis. */
async function ageMs(redis: RedisClient, id: EntryId): Promise<number> {
  const [seconds = 0, microseconds = 0] = await redis.time()
  return seconds * 1000 + microseconds / 1000 - Number(id.split('-')[0])
}
