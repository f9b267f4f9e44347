import { appendEvents, type AppendContext } from './append-events.ts'
import { decideModels, handleCommand } from './handle.ts'
import { createEventCodec, type EventDefinitions } from './define-events.ts'
import type { Projection } from './define-projection.ts'
import { CLIENT_INTERNALS, type ClientInternals, type EventClient } from './event-client.ts'
import type { EventSourcingLimits } from './limits.ts'
import { createProjectionMethods } from './projections/projection-methods.ts'
import { conditionFrom, normalizeQuery } from './query.ts'
import { createReads } from './reads.ts'
import { createSavedProjections } from './saved-projections.ts'
import type { EventStore, ReadRequest, StoredEvent } from './store.ts'
import { followTail } from './tail.ts'
import { createWaker } from './waker.ts'

export interface ClientOptions {
  readonly definitions?: EventDefinitions | undefined
  /** Projections that are kept up to date within each append's transaction. */
  readonly inline?: readonly Projection<unknown, never>[] | undefined
  readonly limits: EventSourcingLimits
}

/** The client's front over any store; it is what the contract suite runs against. */
export function createClientOver(store: EventStore, { definitions, inline = [], limits }: ClientOptions): EventClient {
  const internals: ClientInternals = { store, codec: createEventCodec(definitions), limits, waker: createWaker() }
  const { codec, waker } = internals
  for (const { name, isKeyed } of inline) {
    if (!isKeyed)
      throw new TypeError(`Projection "${name}" has events that name no id, so it cannot be kept inline. Give each of its streams \`by\`.`)
  }
  const context: AppendContext = { ...internals, inline }
  const decodeAll = (events: readonly StoredEvent[]): StoredEvent[] => events.map((event) => codec.decode(event))

  // One implementation for all event types: what the generics promise is what the callers' own events are.
  const client: EventClient = {
    ...createReads(internals),
    ...createSavedProjections(internals),

    saveEvent: async (input, tx) => only((await appendEvents(context, [input], { tx })).events),
    saveEvents: async (inputs, tx) => (await appendEvents(context, inputs, { tx })).events,
    async saveEventWithStreamValidation(input, latestEventId, streams) {
      const failIfEventsMatch = streams.map(({ types, identifier }) => ({ types, identifier }))
      return only((await appendEvents(context, [input], { condition: { failIfEventsMatch, after: latestEventId } })).events)
    },

    append: (events, options = {}) => appendEvents(context, Array.isArray(events) ? events : [events], options),

    async read(query, { after, limit, order, tx } = {}) {
      const items = normalizeQuery(query).map((item) => (after === undefined ? item : { ...item, after }))
      const request: ReadRequest = { items, ...(limit === undefined ? {} : { limit }), ...(order === undefined ? {} : { order }) }
      const events = await store.readSettled(request, tx)
      return { events: decodeAll(events), condition: { failIfEventsMatch: conditionFrom(items, events, store.identifiers) } }
    },

    async *iterate(query, { after = 0, pageSize = limits.pageSize, tx } = {}) {
      const items = normalizeQuery(query)
      for (let last = after; ;) {
        const page = await store.read({ items, after: last, limit: pageSize }, tx)
        yield* decodeAll(page)
        last = page.at(-1)?.position ?? last
        if (page.length < pageSize) return
      }
    },

    async *subscribe({ query = {}, from = 0, signal } = {}) {
      const own = waker.child()
      try {
        for await (const page of followTail({ store, items: normalizeQuery(query), from, limits, waker: own, signal })) yield* decodeAll(page.events)
      } finally {
        own.close()
      }
    },
    wake: () => waker.wake(),

    decide: async (models, { tx } = {}) => {
      const { states, condition } = await decideModels(internals, models, tx)
      return { state: states, condition: { failIfEventsMatch: condition } }
    },
    handle: (decider, command, options = {}) => handleCommand(context, decider, command, options),

    ...createProjectionMethods(context),
    install: () => store.install(),
    [CLIENT_INTERNALS]: internals,
  }
  return client
}

function only<T>([event]: readonly T[]): T {
  if (event === undefined) throw new TypeError('The store gave no event back.')
  return event
}
