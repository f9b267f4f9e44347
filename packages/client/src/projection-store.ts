import { PROJECTIONS_SEGMENT, type ProjectionAnswer } from '@zenstack-live/protocol'
import { callListener } from './call-listener.ts'
import { projectionPath, type LiveProjection } from './live-projection.ts'
import { IDLE_STATE, isSameState, liveStateOf, liveStatusOf, type LiveState } from './live-state.ts'
import type { LiveStore, LiveStoreOptions } from './live-store.ts'
import { isOnline } from './page-events.ts'
import { PageLife } from './page-life.ts'
import { ProjectionConnection } from './projection-connection.ts'
import { refusedError } from './refused-error.ts'
import { refusalIn } from './stream-end.ts'

type AnyProjection = LiveProjection<unknown>

interface Watched {
  readonly connection: ProjectionConnection
  readonly listeners: Set<() => void>
  lingering: ReturnType<typeof setTimeout> | undefined
  syncedAt: number | undefined
  state: LiveState<unknown>
}

/** Keeps every watched projection current, each over a stream of its own. What the store of queries knows of the person holds here too. */
export class ProjectionStore {
  readonly #options: LiveStoreOptions
  readonly #store: LiveStore
  readonly #watched = new Map<string, Watched>()
  readonly #page: PageLife
  #scope: string | null

  constructor(options: LiveStoreOptions, store: LiveStore) {
    this.#options = options
    this.#store = store
    this.#page = new PageLife(options, { scope: () => store.scope(), connections: () => this.#connections() })
    this.#scope = store.scope()
    store.onScopeChange(() => this.#onScopeChange())
  }

  /** Keeps it open until released, and for a while longer, in case someone comes back to it. */
  watch(projection: AnyProjection, listener: () => void): () => void {
    this.#store.scope()
    const key = projectionPath(projection)
    const watched = this.#watched.get(key) ?? this.#open(key)
    const run = (): void => callListener(listener, undefined)
    watched.listeners.add(run)
    clearTimeout(watched.lingering)
    const { kind } = watched.connection.state
    if (kind === 'idle' || kind === 'stopped') watched.connection.dispatch({ kind: 'demand' })
    return () => {
      if (!watched.listeners.delete(run) || watched.listeners.size > 0) return
      watched.lingering = setTimeout(() => this.#forget(key, watched), this.#options.limits.lingerMs)
    }
  }

  /** The same object until something of it changes. */
  read(projection: AnyProjection): LiveState<unknown> {
    return this.#watched.get(projectionPath(projection))?.state ?? IDLE_STATE
  }

  reconnect(): void {
    for (const connection of this.#connections()) connection.dispatch({ kind: 'retry' })
  }

  close(): void {
    for (const { connection, lingering } of this.#watched.values()) {
      clearTimeout(lingering)
      connection.dispatch({ kind: 'close' })
    }
    this.#page.stop()
  }

  #open(key: string): Watched {
    if (this.#watched.size === 0) this.#page.start()
    const { endpoint } = this.#options
    const url = `${endpoint}/${PROJECTIONS_SEGMENT}/${key}`
    const connection = new ProjectionConnection({ ...this.#options, isOnline }, url, {
      // Asked before every step: nothing is opened for one person with what another one had.
      isWanted: () => (this.#store.scope(), watched.listeners.size > 0),
      moved: () => this.#moved(key, watched),
      refresh: () => this.#store.refresh(),
      read: () => this.#readOnce(url),
    })
    const watched: Watched = { connection, listeners: new Set(), lingering: undefined, syncedAt: undefined, state: IDLE_STATE }
    watched.state = this.#stateOf(key, watched)
    this.#watched.set(key, watched)
    return watched
  }

  #forget(key: string, watched: Watched): void {
    this.#watched.delete(key)
    watched.connection.dispatch({ kind: 'no-demand' })
    if (this.#watched.size === 0) this.#page.stop()
  }

  async #readOnce(url: string): Promise<unknown> {
    const response = await this.#options.fetch(url, { headers: { accept: 'application/json' }, cache: 'no-store' })
    if (!response.ok) throw refusedError(await refusalIn(response), 'the projection')
    // From here on the body is what protocol/projection-frame.ts says.
    return ((await response.json()) as ProjectionAnswer).data
  }

  #moved(key: string, watched: Watched): void {
    // What arrives now was asked for by someone else.
    if (this.#scope !== this.#store.scope()) return
    if (watched.connection.isFollowed || watched.connection.state.kind === 'polling') watched.syncedAt = Date.now()
    if (watched.connection.state.kind === 'signed-out') watched.connection.forget()
    const after = this.#stateOf(key, watched)
    if (isSameState(watched.state, after)) return
    watched.state = after
    for (const listener of watched.listeners) listener()
  }

  #stateOf(key: string, { connection, syncedAt }: Watched): LiveState<unknown> {
    const { shown, state, isFollowed } = connection
    const error = state.kind === 'stopped' && state.code !== undefined ? refusedError(state.code, `the projection ${key}`) : undefined
    const liveStatus = liveStatusOf(state.kind, isFollowed, shown !== undefined)
    return liveStateOf(shown && { data: shown.state }, liveStatus, syncedAt, error)
  }

  #onScopeChange(): void {
    const left = this.#scope
    this.#scope = this.#store.scope()
    this.#page.announce({ left, entered: this.#scope })
    for (const [key, watched] of this.#watched) {
      watched.connection.forget()
      watched.syncedAt = undefined
      this.#moved(key, watched)
      watched.connection.dispatch({ kind: 'scope-changed' })
    }
  }

  #connections(): ProjectionConnection[] {
    return [...this.#watched.values()].map(({ connection }) => connection)
  }
}
