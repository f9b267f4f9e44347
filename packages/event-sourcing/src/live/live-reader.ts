import { EventSourcingError } from '../errors.ts'
import type { ClientInternals } from '../event-client.ts'
import { settledPosition } from '../settle.ts'
import type { NormalItem, StoredEvent } from '../store.ts'
import { followTail } from '../tail.ts'
import type { LiveProjectionReader, ProjectionFrame, WatchOptions } from './live-projection-source.ts'
import { createWatchedProjection, type WatchedProjection, type Watcher } from './watched-projection.ts'

/** What a kind of projection does with events; the reader does the rest. */
export interface LiveReducer<State> {
  readonly items: readonly NormalItem[]
  /** `undefined`: every id that is watched. */
  idsOf(event: StoredEvent): readonly string[] | undefined
  /** The state with everything up to `upTo` in it. */
  load(id: string, upTo: number): Promise<{ state: State; position: number }>
  /** Brings what is watched up to date with an event, now or a little later. */
  apply(watched: WatchedProjection<State>, id: string, event: StoredEvent, tail: { readonly position: number }): void
  /** The frames between two positions, from the store; `undefined` when a snapshot is better. */
  replay(id: string, from: number, to: number): Promise<readonly ProjectionFrame<State>[] | undefined>
}

interface Entry<State> {
  readonly watched: Promise<WatchedProjection<State>>
  /** Events that arrived while it was loaded. */
  early: StoredEvent[] | undefined
  userCount: number
}

/** One tail over the events for all ids: each event is read once, whoever watches. */
export function createLiveReader<State>(internals: ClientInternals, reducer: LiveReducer<State>): LiveProjectionReader<State> {
  const { store, limits } = internals
  const waker = internals.waker.child()
  const closing = new AbortController()
  const entries = new Map<string, Entry<State>>()
  let position = 0
  let started: Promise<void> | undefined
  let following: Promise<void> | undefined

  const fail = (error?: unknown): void => {
    for (const [id, entry] of entries) {
      entries.delete(id)
      entry.watched.then((watched) => watched.close(error)).catch(() => {})
    }
  }

  const dispatch = async (id: string, event: StoredEvent): Promise<void> => {
    const entry = entries.get(id)
    if (entry === undefined) return
    if (entry.early !== undefined) return void entry.early.push(event)
    const watched = await entry.watched
    // It was loaded with this event in it.
    if (event.position <= watched.position) return
    try {
      reducer.apply(watched, id, event, { position: event.position })
    } catch (error) {
      entries.delete(id)
      watched.close(error)
    }
  }

  const follow = async (): Promise<void> => {
    try {
      for await (const page of followTail({ store, items: reducer.items, from: position, limits, waker, signal: closing.signal })) {
        for (const event of page.events) {
          // First: whoever is loaded from now on is loaded with this event in it.
          position = event.position
          for (const id of reducer.idsOf(event) ?? [...entries.keys()]) await dispatch(id, event)
        }
        position = page.position
      }
      fail()
    } catch (error) {
      started = undefined
      fail(error)
    }
  }

  const start = async (): Promise<void> => {
    position = await untilSettled(internals, closing.signal)
    following = follow()
  }

  const load = async (id: string, entry: Pick<Entry<State>, 'early'>): Promise<WatchedProjection<State>> => {
    const loaded = await reducer.load(id, position)
    const watched = createWatchedProjection(loaded, limits)
    const early = entry.early ?? []
    entry.early = undefined
    for (const event of early) if (event.position > watched.position) reducer.apply(watched, id, event, { position: event.position })
    return watched
  }

  const acquire = (id: string): Entry<State> => {
    const present = entries.get(id)
    if (present !== undefined) return present
    if (entries.size >= limits.maxWatchedProjections) {
      throw new EventSourcingError('limit_exceeded', `${entries.size} projections are watched, the limit (maxWatchedProjections).`)
    }
    const early: StoredEvent[] = []
    const entry: { -readonly [Key in keyof Entry<State>]: Entry<State>[Key] } = { early, userCount: 0, watched: Promise.reject(new TypeError('not loaded')) }
    entry.watched.catch(() => {})
    entry.watched = load(id, entry)
    entry.watched.catch(() => entries.delete(id))
    entries.set(id, entry)
    return entry
  }

  const release = (id: string, entry: Entry<State>): void => {
    entry.userCount--
    if (entry.userCount === 0 && entries.get(id) === entry) entries.delete(id)
  }

  async function* watch(id: string, { from, signal }: WatchOptions = {}): AsyncGenerator<ProjectionFrame<State>, void, undefined> {
    if (closing.signal.aborted) return
    started ??= start().catch((error: unknown) => {
      started = undefined
      throw error
    })
    await started
    const entry = acquire(id)
    entry.userCount++
    let watcher: Watcher<State> | undefined
    const stop = (): void => watcher?.close()
    signal?.addEventListener('abort', stop)
    try {
      const watched = await entry.watched
      if (signal?.aborted === true || closing.signal.aborted) return
      watcher = watched.addWatcher()
      yield* openingFrames(reducer, watched, id, from)
      for (let frame = await watcher.next(); frame !== undefined; frame = await watcher.next()) yield frame
    } finally {
      signal?.removeEventListener('abort', stop)
      watcher?.close()
      release(id, entry)
    }
  }

  return {
    wake: () => waker.wake(),
    watch,
    async close() {
      closing.abort()
      await started?.catch(() => {})
      await following
      waker.close()
      fail()
    },
  }
}

/** What brings a watcher from where it is to where the shared state is when it is called. */
async function* openingFrames<State>(reducer: LiveReducer<State>, watched: WatchedProjection<State>, id: string, from: number | undefined): AsyncGenerator<ProjectionFrame<State>, void, undefined> {
  const { state, position } = watched
  const snapshot: ProjectionFrame<State> = { kind: 'snapshot', position, state }
  if (from === undefined || from > position) return void (yield snapshot)
  const kept = watched.framesSince(from)
  if (kept !== undefined) return void (yield* kept)
  yield* (await reducer.replay(id, from, position)) ?? [snapshot]
}

/** A long transaction only delays the start: nothing can be shown before it is known to be complete. */
async function untilSettled({ store, limits }: ClientInternals, signal: AbortSignal): Promise<number> {
  for (;;) {
    try {
      return await settledPosition(store, limits, signal)
    } catch (error) {
      if (Reflect.get(Object(error), 'code') !== 'not_settled') throw error
    }
  }
}
