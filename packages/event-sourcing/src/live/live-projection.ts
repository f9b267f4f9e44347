import type { ClientInternals } from '../event-client.ts'
import type { Projection } from '../define-projection.ts'
import { foldProjection } from '../projections/fold-projection.ts'
import { diffJson } from './json-patch.ts'
import { LiveReader, type LiveReducer } from './live-reader.ts'
import type { LiveProjectionSource, ProjectionFrame } from './live-projection-source.ts'

/** A pure projection as a live source: one event, one reduction, one patch. */
export function createLiveProjection<State>(internals: ClientInternals, projection: Projection<State, never>): LiveProjectionSource<State> {
  return {
    name: projection.name,
    version: projection.version,
    tables: [internals.store.eventsTable],
    open: () => new LiveReader(internals, pureReducer(internals, projection)),
  }
}

function pureReducer<State>(internals: ClientInternals, projection: Projection<State, never>): LiveReducer<State> {
  const { store, codec, limits } = internals
  return {
    items: [{ types: projection.types, identifier: {} }],
    idsOf: (event) => projection.idsOf(event),
    load: (id, upTo) => foldProjection(internals, projection, id, { upTo }),
    apply(watched, _id, event) {
      // Upcast before reduce; the query names the types that evolve takes.
      watched.publish(projection.evolve(watched.state, codec.decode(event) as never), event.position)
    },
    async replay(id, from, to) {
      const items = projection.itemsOf(id)
      const events = await store.read({ items, after: from, upTo: to, limit: limits.maxReplayedEvents + 1 })
      if (events.length > limits.maxReplayedEvents) return undefined
      const start = await foldProjection(internals, projection, id, { upTo: from })
      // A position that is none of this projection's is nobody's last frame.
      if (start.position !== from) return undefined
      let { state } = start
      let last = from
      return events.map((event): ProjectionFrame<State> => {
        const next = projection.evolve(state, codec.decode(event) as never)
        const frame: ProjectionFrame<State> = { kind: 'patch', from: last, to: event.position, patch: diffJson(state, next) }
        state = next
        last = event.position
        return frame
      })
    },
  }
}
