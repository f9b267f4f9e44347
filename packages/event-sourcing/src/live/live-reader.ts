import { EventSourcingError } from '../errors.ts'
import type { ClientInternals } from '../event-client.ts'
import { settledPosition } from '../settle.ts'
import type { NormalItem, StoredEvent } from '../store.ts'
import { followTail } from '../tail.ts'
import type { Waker } from '../waker.ts'
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
  apply(watched: WatchedProjection<State>, id: string, event: StoredEvent): void
  /** The frames between two positions, from the store; `undefined` when a snapshot is better. */
  replay(id: string, from: number, to: number): Promise<readonly ProjectionFrame<State>[] | undefined>
}

interface Entry<State> {
  /** Set as soon as the entry is there; loading may take a while. */
  watched: Promise<WatchedProjection<State>> | undefined
  /** Events that arrived while it was loaded. */
  early: StoredEvent[] | undefined
  userCount: number
}

/** One tail over the events for all ids: each event is read once and reduced once, whoever watches. */
export class LiveReader<State> implements LiveProjectionReader<State> {
  readonly #internals: ClientInternals
  readonly #reducer: LiveReducer<State>
  readonly #waker: Waker & { close(): void }
  readonly #closing = new AbortController()
  readonly #entries = new Map<string, Entry<State>>()
  /** Everything up to here was given to the entries. */
  #position = 0
  #started: Promise<void> | undefined
  #following: Promise<void> | undefined

  constructor(internals: ClientInternals, reducer: LiveReducer<State>) {
    this.#internals = internals
    this.#reducer = reducer
    this.#waker = internals.waker.child()
  }

  wake(): void {
    this.#waker.wake()
  }

  async *watch(id: string, { from, signal }: WatchOptions = {}): AsyncGenerator<ProjectionFrame<State>, void, undefined> {
    if (this.#closing.signal.aborted) return
    await this.#start()
    const entry = this.#acquire(id)
    let watcher: Watcher<State> | undefined
    const stop = (): void => watcher?.close()
    signal?.addEventListener('abort', stop)
    try {
      const watched = await entry.watched
      if (watched === undefined || signal?.aborted === true || this.#closing.signal.aborted) return
      watcher = watched.addWatcher()
      yield* this.#openingFrames(watched, id, from)
      for (let frame = await watcher.next(); frame !== undefined; frame = await watcher.next()) yield frame
    } finally {
      signal?.removeEventListener('abort', stop)
      watcher?.close()
      this.#release(id, entry)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#started?.catch(() => {})
    await this.#following
    this.#waker.close()
    this.#end()
  }

  async #start(): Promise<void> {
    this.#started ??= this.#settleAndFollow()
    try {
      await this.#started
    } catch (error) {
      this.#started = undefined
      throw error
    }
  }

  async #settleAndFollow(): Promise<void> {
    this.#position = await untilSettled(this.#internals, this.#closing.signal)
    this.#following = this.#follow()
  }

  async #follow(): Promise<void> {
    const { store, limits } = this.#internals
    const { items } = this.#reducer
    try {
      for await (const page of followTail({ store, items, from: this.#position, limits, waker: this.#waker, signal: this.#closing.signal })) {
        for (const event of page.events) {
          // First: whoever is loaded from now on is loaded with this event in it.
          this.#position = event.position
          for (const id of this.#reducer.idsOf(event) ?? [...this.#entries.keys()]) await this.#dispatch(id, event)
        }
        this.#position = page.position
      }
      this.#end()
    } catch (error) {
      // The next watcher starts anew.
      this.#started = undefined
      this.#end(error)
    }
  }

  async #dispatch(id: string, event: StoredEvent): Promise<void> {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    if (entry.early !== undefined) {
      entry.early.push(event)
      return
    }
    // What failed to load harms its own watchers alone. What was loaded may have this event in it.
    const watched = await entry.watched?.catch(() => undefined)
    if (watched === undefined || event.position <= watched.position) return
    try {
      this.#reducer.apply(watched, id, event)
    } catch (error) {
      this.#forget(id, entry)
      watched.close(error)
    }
  }

  #acquire(id: string): Entry<State> {
    const present = this.#entries.get(id)
    if (present !== undefined) {
      present.userCount++
      return present
    }
    const limit = this.#internals.limits.maxWatchedProjections
    if (this.#entries.size >= limit)
      throw new EventSourcingError('limit_exceeded', `${limit} projections are watched already (maxWatchedProjections).`)
    const entry: Entry<State> = { watched: undefined, early: [], userCount: 1 }
    this.#entries.set(id, entry)
    entry.watched = this.#load(id, entry)
    // Whoever watches gets the error; nobody may be watching any more.
    entry.watched.catch(() => this.#forget(id, entry))
    return entry
  }

  async #load(id: string, entry: Entry<State>): Promise<WatchedProjection<State>> {
    const watched = createWatchedProjection(await this.#reducer.load(id, this.#position), this.#internals.limits)
    const early = entry.early ?? []
    entry.early = undefined
    for (const event of early) if (event.position > watched.position) this.#reducer.apply(watched, id, event)
    return watched
  }

  #release(id: string, entry: Entry<State>): void {
    entry.userCount--
    if (entry.userCount === 0) this.#forget(id, entry)
  }

  /** The tail may have ended in between, and others may watch this id with an entry of their own. */
  #forget(id: string, entry: Entry<State>): void {
    if (this.#entries.get(id) === entry) this.#entries.delete(id)
  }

  #end(error?: unknown): void {
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    for (const { watched } of entries) void endWhenLoaded(watched, error)
  }

  /** What brings a watcher from where it is to where the shared state was when this began. */
  async *#openingFrames(
    watched: WatchedProjection<State>,
    id: string,
    from: number | undefined,
  ): AsyncGenerator<ProjectionFrame<State>, void, undefined> {
    const { state, position } = watched
    const snapshot: readonly ProjectionFrame<State>[] = [{ kind: 'snapshot', position, state }]
    if (from === undefined || from > position) yield* snapshot
    else yield* watched.framesSince(from) ?? (await this.#reducer.replay(id, from, position)) ?? snapshot
  }
}

async function endWhenLoaded<State>(watched: Promise<WatchedProjection<State>> | undefined, error: unknown): Promise<void> {
  try {
    ;(await watched)?.close(error)
  } catch {
    // Its watchers had the error from loading it.
  }
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
