import { PROJECTIONS_SEGMENT, type ProjectionAnswer } from '@zenstack-live/protocol'
import type { ConnectionEvent } from './connection-machine.ts'
import { hold } from './hold.ts'
import { projectionPath, type LiveProjection } from './live-projection.ts'
import { IDLE_STATE, isSameState, liveStateOf, liveStatusOf, type LiveState } from './live-state.ts'
import type { LiveStore, LiveStoreOptions } from './live-store.ts'
import { followPage, refreshCredentials, refusalIn } from './later.ts'
import { ProjectionConnection, type ProjectionHost } from './projection-connection.ts'
import { refusedError } from './refused-error.ts'
import { openTabChannel, type TabChannel } from './tab-channel.ts'

type AnyProjection = LiveProjection<unknown>

/** Keeps every watched projection current, each over a stream of its own. What the store of queries knows of the person holds here too. */
export class ProjectionStore implements ProjectionHost {
  readonly #options: LiveStoreOptions
  readonly #store: LiveStore
  readonly #watched = new Map<string, ProjectionConnection>()
  #tabs: TabChannel | undefined
  #leavePage: (() => void) | undefined
  #scope: string | null

  constructor(options: LiveStoreOptions, store: LiveStore) {
    this.#options = options
    this.#store = store
    this.#scope = store.scope()
    store.onScopeChange(() => this.#onScopeChange())
  }

  /** Keeps it open until released, and for a while longer, in case someone comes back to it. */
  watch(projection: AnyProjection, listener: () => void): () => void {
    this.scope()
    const key = projectionPath(projection)
    const watched = this.#watched.get(key) ?? this.#open(key)
    const release = hold(watched, listener, this.#options.limits.lingerMs, () => this.#forget(key, watched))
    if (watched.kind === 'idle' || watched.kind === 'stopped') watched.dispatch({ kind: 'demand' })
    return release
  }

  /** The same object until something of it changes. */
  read(projection: AnyProjection): LiveState<unknown> {
    return this.#watched.get(projectionPath(projection))?.told ?? IDLE_STATE
  }

  reconnect(): void {
    for (const watched of this.connections()) watched.dispatch({ kind: 'retry' })
  }

  close(): void {
    for (const watched of this.connections()) {
      clearTimeout(watched.lingering)
      watched.dispatch({ kind: 'close' })
    }
    this.#stop()
  }

  scope(): string | null {
    return this.#store.scope()
  }

  connections(): Iterable<ProjectionConnection> {
    return this.#watched.values()
  }

  // What the connections ask and tell.

  isWanted({ listeners }: ProjectionConnection): boolean {
    // Asked before every step: nothing is opened for one person with what another one had.
    this.scope()
    return listeners.size > 0
  }

  refresh(): Promise<ConnectionEvent> {
    return refreshCredentials(this.#options)
  }

  async readOnce({ url }: ProjectionConnection, signal: AbortSignal): Promise<unknown> {
    const response = await this.#options.fetch(url, { headers: { accept: 'application/json' }, cache: 'no-store', signal })
    if (!response.ok) throw refusedError(await refusalIn(response), 'the projection')
    // From here on the body is what protocol/projection-frame.ts says.
    return ((await response.json()) as ProjectionAnswer).data
  }

  moved(watched: ProjectionConnection): void {
    // What arrives now was asked for by someone else.
    if (this.#scope !== this.scope()) return
    if (watched.isFollowed || watched.kind === 'polling') watched.syncedAt = Date.now()
    if (watched.kind === 'signed-out') watched.forget()
    const after = stateOf(watched)
    if (isSameState(watched.told, after)) return
    watched.told = after
    for (const listener of watched.listeners) listener()
  }

  #open(key: string): ProjectionConnection {
    const { endpoint } = this.#options
    if (this.#watched.size === 0) {
      this.#leavePage = followPage(this)
      this.#tabs = openTabChannel(this.#options, this)
    }
    const watched = new ProjectionConnection(this.#options, `${endpoint}/${PROJECTIONS_SEGMENT}/${key}`, this)
    watched.told = stateOf(watched)
    this.#watched.set(key, watched)
    return watched
  }

  #forget(key: string, watched: ProjectionConnection): void {
    this.#watched.delete(key)
    watched.dispatch({ kind: 'no-demand' })
    if (this.#watched.size === 0) this.#stop()
  }

  #stop(): void {
    this.#leavePage?.()
    this.#tabs?.close()
    this.#tabs = undefined
  }

  #onScopeChange(): void {
    this.#scope = this.scope()
    for (const watched of this.connections()) {
      watched.forget()
      watched.syncedAt = undefined
      this.moved(watched)
      watched.dispatch({ kind: 'scope-changed' })
    }
  }
}

function stateOf({ shown, state, isFollowed, syncedAt, url }: ProjectionConnection): LiveState<unknown> {
  const error = state.kind === 'stopped' && state.code !== undefined ? refusedError(state.code, `the projection at ${url}`) : undefined
  const liveStatus = liveStatusOf(state.kind, isFollowed, shown !== undefined)
  return liveStateOf(shown && { data: shown.state }, liveStatus, syncedAt, error)
}
