import type { ClientInternals } from '../event-client.ts'
import { defineProjection, type ProjectionStream } from '../define-projection.ts'
import type { GenericEventBase } from '../event-types.ts'
import { LiveReader, type LiveReducer } from './live-reader.ts'
import type { LiveProjectionSource } from './live-projection-source.ts'
import type { WatchedProjection } from './watched-projection.ts'

/** A projection class to show live: which events move it, and how to make it for an id. */
export interface ClassProjectionOptions<State> {
  readonly name: string
  /** @defaultValue 1 */
  readonly version?: number
  readonly query: ProjectionStream<GenericEventBase> | readonly ProjectionStream<GenericEventBase>[]
  /** Makes it fresh; its `asJson` is asked after each burst of its events. */
  readonly open: (id: string) => { asJson(): Promise<State> }
}

/**
 * A class without a pure reducer as a live source: asked again when its events came, once for a burst, and diffed.
 * Its states may already hold events behind the position they are named after; what follows is diffed against that.
 */
export function createClassLiveProjection<State>(internals: ClientInternals, options: ClassProjectionOptions<State>): LiveProjectionSource<State> {
  const { name, version = 1, query } = options
  const routing = defineProjection({ name, version, query, initial: () => null, evolve: (state) => state })
  return {
    name,
    version,
    tables: [internals.store.eventsTable],
    open: () =>
      new LiveReader(internals, classReducer(options, { items: [{ types: routing.types, identifier: {} }], idsOf: (event) => routing.idsOf(event) })),
  }
}

function classReducer<State>({ open }: ClassProjectionOptions<State>, routing: Pick<LiveReducer<State>, 'items' | 'idsOf'>): LiveReducer<State> {
  // For each watched projection the newest position it has to be asked for, while it is being asked.
  const wanted = new WeakMap<WatchedProjection<State>, number>()
  const askUntilCurrent = async (watched: WatchedProjection<State>, id: string): Promise<void> => {
    for (let position = wanted.get(watched); position !== undefined;) {
      try {
        const state = await open(id).asJson()
        if (position > watched.position) watched.publish(state, position)
      } catch (error) {
        wanted.delete(watched)
        watched.close(error)
        return
      }
      const newest = wanted.get(watched)
      if (newest === position) wanted.delete(watched)
      position = newest === position ? undefined : newest
    }
  }
  return {
    ...routing,
    load: async (id, upTo) => ({ state: await open(id).asJson(), position: upTo }),
    apply(watched, id, event) {
      const isAsking = wanted.has(watched)
      wanted.set(watched, event.position)
      if (!isAsking) void askUntilCurrent(watched, id)
    },
    replay: async () => undefined,
  }
}
