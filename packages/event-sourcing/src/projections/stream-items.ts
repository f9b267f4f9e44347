import { positionOf } from '../append-events.ts'
import type { StreamOptionsForEvents } from '../event-types.ts'
import { checkFilter } from '../query.ts'
import type { EventStore, ReadItem } from '../store.ts'

/** Streams as items of one query. Plain values become identifiers, so that it shows which lock orders them. */
export async function streamItems(store: EventStore, streams: readonly StreamOptionsForEvents[]): Promise<ReadItem[]> {
  if (streams.length === 0) throw new TypeError('A projection needs at least one stream.')
  return Promise.all(
    streams.map(async ({ eventTypes, options }): Promise<ReadItem> => {
      const identifier: Record<string, string[]> = {}
      const filter: Record<string, ReturnType<typeof checkFilter>[string]> = {}
      for (const [key, value] of Object.entries(checkFilter(options?.data ?? {}))) {
        if (typeof value === 'object') filter[key] = value
        else identifier[key] = [String(value)]
      }
      return {
        types: [...eventTypes],
        identifier,
        ...(Object.keys(filter).length === 0 ? {} : { filter }),
        ...(options?.after === undefined ? {} : { after: await positionOf(store, options.after, options.tx) }),
      }
    }),
  )
}
