import { positionLsn, queryId, type ErrorCode, type LiveError, type Lsn, type QueryId, type RowChange, type WireQuery } from '@zenstack-live/protocol'
import { callListener } from './call-listener.ts'
import { CommitWaiters } from './commit-waiters.ts'
import { Connection, type ConnectionHost } from './connection.ts'
import type { LiveChanges, LiveQuery } from './descriptor.ts'
import { hold } from './hold.ts'
import type { JsonRead, ResumePoint } from './json-read.ts'
import type { LiveFetch } from './live-fetch.ts'
import { listen } from './listen.ts'
import { IDLE_STATE, isSameState, liveStateOf, liveStatusOf, type LiveState, type LiveStatus } from './live-state.ts'
import type { ClientLimits } from './limits.ts'
import { LazyCode } from './lazy-code.ts'
import type { LaterCode } from './load-later.ts'
import { dataOf, valueResult } from './query-result.ts'
import { refusedError } from './refused-error.ts'
import { openTabChannel, type TabChannel } from './tab-channel.ts'
import { WatchedQuery } from './watched-query.ts'
import { wireOf, type AnyDescriptor } from './wire-of.ts'

export interface LiveStoreOptions {
  readonly endpoint: string
  readonly identity: () => string | null
  /** Sends what this client sends: with its headers and credentials. */
  readonly fetch: LiveFetch
  readonly onAuthExpired: (() => unknown) | undefined
  readonly limits: ClientLimits
  readonly random: () => number
  readonly sharesSignOut: boolean
  /** Loads what reads the first answer, and all that follows. */
  readonly loadLater: () => Promise<LaterCode>
}

/** Keeps every watched query's result right, over one connection. The framework-free heart of the client. */
export class LiveStore implements ConnectionHost {
  readonly #options: LiveStoreOptions
  readonly #connection: Connection
  readonly #queries = new Map<QueryId, WatchedQuery>()
  readonly #batchListeners = new Set<(changed: ReadonlySet<QueryId>) => void>()
  readonly #statusListeners = new Set<() => void>()
  readonly #scopeListeners = new Set<() => void>()
  readonly #commits: CommitWaiters
  readonly #later: LazyCode<LaterCode>
  #tabs: TabChannel | undefined
  #leavePage: (() => void) | undefined
  #scope: string | null
  #syncedAt: number | undefined
  /** Another one when the person leaves: what was asked during their stay is for nobody else. */
  stay = {}
  /** Why nothing is asked any more, for all queries. */
  #stopped: LiveError | undefined

  constructor(options: LiveStoreOptions) {
    this.#options = options
    this.#connection = new Connection(options, this)
    this.#commits = new CommitWaiters(options.limits.ownWriteMs, (lsn) => this.hasPassed(lsn))
    this.#later = new LazyCode(options, {
      load: options.loadLater,
      isWanted: () => this.#isWatched(),
      arrived: (later) => {
        this.#connection.begin(later)
        if (this.#isWatched()) this.#leavePage = later.followPage(this)
        this.moved()
      },
      moved: () => this.moved(),
    })
    this.#scope = options.identity()
  }

  get limits(): ClientLimits {
    return this.#options.limits
  }

  /** What everything that outlives a render is kept under. Reading it notices that the person changed, and clears what was theirs. */
  scope(): string | null {
    const identity = this.#options.identity()
    if (identity !== this.#scope) {
      const left = this.#scope
      this.#scope = identity
      // Others may show something also where this tab shows nothing. What was posted arrives after closing, too.
      const tabs = this.#tabs ?? openTabChannel(this.#options, this)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel's reach is its own origin
      tabs?.postMessage({ left, entered: identity })
      if (tabs !== this.#tabs) tabs?.close()
      this.#clear()
      this.#connection.dispatch({ kind: 'scope-changed' })
    }
    return identity
  }

  onScopeChange(listener: () => void): () => void {
    return listen(this.#scopeListeners, listener)
  }

  /** Called when the connection's status may differ. */
  onStatus(listener: () => void): () => void {
    return listen(this.#statusListeners, listener)
  }

  /** Called once for each batch with the queries whose state changed or which were forgotten, before their own listeners. */
  onBatch(listener: (changed: ReadonlySet<QueryId>) => void): () => void {
    return listen(this.#batchListeners, listener)
  }

  idOf(query: AnyDescriptor): QueryId {
    return queryId(wireOf(query))
  }

  has(id: QueryId): boolean {
    return this.#queries.has(id)
  }

  /**
   * Keeps the query open until released, and for a while longer, in case someone comes back to it.
   *
   * @throws {TypeError} when the endpoint cannot be reached from here: a path, outside a browser.
   */
  watch(query: AnyDescriptor, listener: () => void = () => {}): () => void {
    this.scope()
    const watched = this.#watched(query)
    watched.state ??= this.#stateOf(watched)
    const release = hold(watched, listener, this.#options.limits.lingerMs, () => this.#forget(watched))
    this.#later.ask()
    this.#connection.review()
    return release
  }

  watchChanges(query: LiveChanges<unknown>, listener: (change: RowChange) => void): () => void {
    const release = this.watch(query)
    const leave = listen(this.#watched(query).changeListeners, listener)
    return () => {
      leave()
      release()
    }
  }

  /** The query's state as of the last whole batch; the same object until it changes. */
  read(query: AnyDescriptor): LiveState<unknown> {
    const watched = this.#queries.get(this.idOf(query))
    if (watched === undefined) return IDLE_STATE
    return (watched.state ??= this.#stateOf(watched))
  }

  lastSyncedAt(query: AnyDescriptor): number | undefined {
    const watched = this.#queries.get(this.idOf(query))
    if (watched === undefined) return undefined
    return this.#connection.isFollowed(watched.id) ? (this.#syncedAt ?? watched.syncedAt) : watched.syncedAt
  }

  /** Shows a result that was read elsewhere (on a server, for this page), and goes on from it where that can be done. */
  adopt(query: LiveQuery<unknown>, data: unknown, resume: ResumePoint): void {
    const id = this.idOf(query)
    if (this.#connection.view(id).result !== undefined) return
    const rows = resume.shape === 'rows' ? (data as unknown[]) : data === null ? [] : [data]
    const { at, ticket, shape, sorts = [], keys = [] } = resume
    const result = shape === 'value' ? valueResult(data) : { shape, rows, keys, sorts: rows.map((_, index) => sorts[index]) }
    this.#connection.adopt(id, { result, at, ticket, isReady: false }, resume.lastEventId)
  }

  /**
   * Resolves with the query's first result, or with the next one after an error was retried; rejects with its error.
   *
   * @throws {TypeError} when the client is closed before there is a result.
   */
  async ready(query: LiveQuery<unknown>, signal?: AbortSignal): Promise<unknown> {
    const watched = this.#watched(query)
    if (watched.error !== undefined) this.#askAgain(watched)
    if (this.#stopped !== undefined || this.#later.error !== undefined) this.reconnect()
    const ended = new AbortController()
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const state = this.read(query)
        if (state.status === 'success') resolve(state.data)
        else if (state.status === 'error' && state.data === undefined) reject(state.error)
        else if (this.#connection.kind === 'closed') reject(new TypeError('This live client was closed. Make another one.'))
      }
      ended.signal.addEventListener('abort', this.watch(query, check))
      signal?.addEventListener('abort', () => reject(signal.reason), { signal: ended.signal })
      check()
    }).finally(() => ended.abort())
  }

  /** One HTTP read of the query, past the stream. */
  async readOnce(query: LiveQuery<unknown>, signal?: AbortSignal): Promise<JsonRead> {
    const { readJson } = await this.#options.loadLater()
    return readJson(query, { ...this.#options, signal })
  }

  /** The next result, in which everything that equals the previous one is the previous one. */
  share(previous: unknown, next: unknown): unknown {
    return this.#later.code?.shareStructure(previous, next) ?? next
  }

  status(): LiveStatus {
    this.scope()
    if (this.#queries.size === 0) return 'idle'
    if (this.#later.error !== undefined) return 'stalled'
    return liveStatusOf(this.#connection.kind, this.#connection.isLed, this.#syncedAt !== undefined)
  }

  /** Whether a stream is bringing changes now. */
  get isFollowing(): boolean {
    return this.#connection.isLed
  }

  /** Whether what is shown holds everything up to this place in the write-ahead log. */
  hasPassed(lsn: Lsn): boolean {
    const passed = positionLsn(this.#connection.position)
    return passed !== undefined && passed >= lsn
  }

  /** Resolves `true` when the stream has passed `lsn`, `false` when that takes longer than `ownWriteMs` or the person changes. */
  whenPassed(lsn: Lsn): Promise<boolean> {
    return this.#commits.whenPassed(lsn)
  }

  reconnect(): void {
    this.#later.askAnew()
    for (const watched of this.#queries.values()) this.#askAgain(watched)
    this.#connection.dispatch({ kind: 'retry' })
  }

  close(): void {
    this.#connection.dispatch({ kind: 'close' })
    for (const watched of this.#queries.values()) watched.end()
    this.#commits.review(true)
    this.#stop()
  }

  connections(): readonly Connection[] {
    return [this.#connection]
  }

  // What the connection asks and tells.

  asked(): WatchedQuery[] {
    return [...this.#queries.values()].filter(({ error }) => error === undefined)
  }

  wanted(): ReadonlyMap<QueryId, WireQuery> {
    // Asked before every step: nothing is opened for one person with what another one had.
    this.scope()
    return new Map(this.asked().map(({ id, wire }) => [id, wire]))
  }

  shown(changed: ReadonlySet<QueryId>, isBatchEnd: boolean): void {
    // What arrives now was asked for by someone else, and was just cleared.
    if (this.#scope !== this.scope()) return
    if (isBatchEnd) this.#syncedAt = Date.now()
    for (const id of changed) {
      const watched = this.#queries.get(id)
      if (watched === undefined) continue
      watched.syncedAt = Date.now()
      if (this.#connection.view(id).isReady) watched.error = undefined
    }
    this.#notify(changed)
    this.#commits.review()
  }

  happened(query: QueryId, changes: readonly RowChange[]): void {
    const listeners = this.#queries.get(query)?.changeListeners ?? []
    for (const change of changes) for (const listener of listeners) callListener(listener, change)
  }

  refused(query: QueryId, code: ErrorCode): void {
    const watched = this.#queries.get(query)
    if (watched === undefined) return
    watched.fail(code)
    if (this.#later.code?.isRetryable(code) === true) watched.retrying = setTimeout(() => this.#askAgain(watched), this.limits.queryRetryMs)
    // A server that has less room than we believe has none before somebody leaves.
    if (code !== 'too_many_queries') this.#admit()
    this.#notify([query])
  }

  moved(): void {
    const { kind, code } = this.#connection
    this.#stopped = kind === 'stopped' && code !== undefined ? refusedError(code, 'the connection') : undefined
    if (kind === 'signed-out') this.#clear()
    this.#notify(this.#queries.keys())
    for (const listener of this.#statusListeners) listener()
  }

  #isWatched(): boolean {
    return this.#queries.size > 0 && this.#connection.kind !== 'closed'
  }

  #start(): void {
    if (this.#connection.kind === 'closed') return
    const { endpoint } = this.#options
    // Every request would fail, which looks like a network that is away.
    if (typeof location === 'undefined' && endpoint[0] === '/')
      throw new TypeError(`Outside a browser the endpoint must be absolute, not "${endpoint}".`)
    this.#tabs = openTabChannel(this.#options, this)
    this.#leavePage = this.#later.code?.followPage(this)
  }

  #stop(): void {
    this.#tabs?.close()
    this.#tabs = undefined
    this.#leavePage?.()
    this.#later.askAnew()
  }

  #watched(query: AnyDescriptor): WatchedQuery {
    const id = this.idOf(query)
    let watched = this.#queries.get(id)
    if (watched === undefined) {
      if (this.#queries.size === 0) this.#start()
      watched = new WatchedQuery(query)
      if (!this.#hasRoom()) watched.fail('too_many_queries')
      this.#queries.set(id, watched)
    }
    return watched
  }

  #forget(watched: WatchedQuery): void {
    watched.end()
    this.#queries.delete(watched.id)
    this.#connection.drop(watched.id)
    this.#connection.review()
    this.#admit()
    for (const listener of this.#batchListeners) listener(new Set([watched.id]))
    if (this.#queries.size === 0) this.#stop()
  }

  #hasRoom(): boolean {
    return this.asked().length < this.limits.maxQueries
  }

  /** There may be room for one of those that were too many. */
  #admit(): void {
    for (const watched of this.#queries.values()) if (watched.error?.code === 'too_many_queries') return this.#askAgain(watched)
  }

  #askAgain(watched: WatchedQuery): void {
    if (watched.error === undefined || !this.#hasRoom()) return
    watched.error = undefined
    watched.state = undefined
    this.#connection.review()
  }

  #stateOf(watched: WatchedQuery): LiveState<unknown> {
    const { id, syncedAt } = watched
    const { result } = this.#connection.view(id)
    const refusal = watched.error ?? this.#stopped
    const missing = this.#later.error
    const status = liveStatusOf(this.#connection.kind, this.#connection.isFollowed(id), result !== undefined)
    const liveStatus = refusal ? 'denied' : missing ? 'stalled' : status
    return liveStateOf(result && { data: dataOf(result) }, liveStatus, syncedAt, refusal ?? missing)
  }

  /** One notification for a batch; a query whose state is what it was is left alone. */
  #notify(ids: Iterable<QueryId>): void {
    const changed = new Set<QueryId>()
    for (const id of ids) {
      const watched = this.#queries.get(id)
      if (watched === undefined) continue
      const before = watched.state
      const after = this.#stateOf(watched)
      if (before !== undefined && isSameState(before, after)) continue
      watched.state = after
      changed.add(id)
    }
    if (changed.size === 0) return
    for (const listener of this.#batchListeners) listener(changed)
    for (const id of changed) for (const listener of this.#queries.get(id)?.listeners ?? []) listener()
  }

  #clear(): void {
    this.stay = {}
    this.#connection.forgetAll()
    this.#syncedAt = undefined
    let room = this.limits.maxQueries
    for (const watched of this.#queries.values()) {
      watched.error = undefined
      watched.syncedAt = undefined
      if (room-- <= 0) watched.fail('too_many_queries')
    }
    this.#commits.review(true)
    // Before those who clear what is theirs: what they read here must not be the person's before.
    this.#notify(this.#queries.keys())
    for (const listener of this.#scopeListeners) listener()
  }
}
