import { positionOf } from './append-events.ts'
import type { ClientInternals, EventClient } from './event-client.ts'
import type { EventFromType, EventQueryOptions, GenericEventBase, StoredEventOf, StreamOptionsForEvents } from './event-types.ts'
import { checkFilter } from './query.ts'
import type { ReadItem, StoredEvent } from './store.ts'

// The reads ask for the types that the callers name, and get events of these types only.
type Found<Type extends string> = StoredEventOf<EventFromType<Type, GenericEventBase>>

/** The reads by type, with the names and arguments they have always had. */
export function createReads({ store, codec }: ClientInternals): Pick<EventClient, 'getLatestEvent' | 'getEventStream' | 'getEventStreams'> {
  const itemOf = async (types: readonly string[], { after, data, tx }: EventQueryOptions = {}): Promise<ReadItem> => ({
    types,
    identifier: {},
    ...(data === undefined ? {} : { filter: checkFilter(data) }),
    ...(after === undefined ? {} : { after: await positionOf(store, after, tx) }),
  })
  const decodeAll = (events: readonly StoredEvent[]): StoredEvent[] => events.map((event) => codec.decode(event))

  return {
    async getLatestEvent<T extends string>(eventType: T, options?: EventQueryOptions): Promise<Found<T>> {
      const [event] = await store.read({ items: [await itemOf([eventType], options)], order: 'desc', limit: 1 }, options?.tx)
      // The type has always said that there is one; see its docstring.
      return (event === undefined ? undefined : codec.decode(event)) as Found<T>
    },

    async getEventStream<T extends string>(eventTypes: readonly T[], options?: EventQueryOptions): Promise<Found<T>[]> {
      return decodeAll(await store.read({ items: [await itemOf(eventTypes, options)] }, options?.tx)) as Found<T>[]
    },

    async getEventStreams<T extends string>(streams: readonly StreamOptionsForEvents<GenericEventBase, T>[]): Promise<Found<T>[]> {
      const items = await Promise.all(streams.map(({ eventTypes, options }) => itemOf(eventTypes, options)))
      const tx = streams.find(({ options }) => options?.tx !== undefined)?.options?.tx
      return items.length === 0 ? [] : (decodeAll(await store.read({ items }, tx)) as Found<T>[])
    },
  }
}
