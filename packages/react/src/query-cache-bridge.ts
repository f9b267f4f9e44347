import {
  notifyManager,
  replaceEqualDeep,
  type Mutation,
  type Query,
  type QueryCacheNotifyEvent,
  type QueryClient,
  type QueryKey,
} from '@tanstack/react-query'
import type { LiveQuery } from '@zenstack-live/client'
import { internals, type LiveClientInternals, type Write } from '@zenstack-live/client/internal'
import type { LiveContextValue } from './live-context.ts'
import type { OwnWrites } from './own-writes.ts'
import { KEY_PREFIX } from './query-key.ts'
import { hashQueryKey } from './query-key-hash.ts'
import { resumePointOf } from './resume-meta.ts'

/** Any live client: what the bridge needs does not depend on its schema. */
export interface AnyLiveClient {
  readonly [internals]: LiveClientInternals
}

interface LiveEntry {
  /** What it shows: a query that somebody holds, while anybody does. */
  query: LiveQuery<unknown>
  /** The query's. Kept, because it is a hash, and each batch asks for it. */
  id: string
  readonly queryKey: QueryKey
  readonly hash: string
  /** Since something was written here first. */
  writes?: OwnWrites
  /** One for each mounted hook. Arguments in another order are another query, but the same key. */
  readonly held: LiveQuery<unknown>[]
  /** What was last put into the cache. */
  written?: unknown
  /** It is the stream's own result, whose unchanged parts are those of the one before. */
  isStreamed: boolean
}

const BRIDGES = new WeakMap<QueryClient, WeakMap<AnyLiveClient, QueryCacheBridge>>()

/** The bridge between a live client and a query cache; there is one for each pair. */
export function bridgeOf(client: AnyLiveClient, queryClient: QueryClient): QueryCacheBridge {
  const bridges = BRIDGES.get(queryClient) ?? new WeakMap<AnyLiveClient, QueryCacheBridge>()
  BRIDGES.set(queryClient, bridges)
  let bridge = bridges.get(client)
  if (bridge === undefined) {
    bridge = new QueryCacheBridge(client[internals], queryClient)
    bridges.set(client, bridge)
  }
  return bridge
}

/**
 * Puts live results into TanStack's cache, under the keys that ZenStack's hooks use. While a key is live the bridge is its only writer:
 * what ZenStack's optimistic updates write is noted as a patch and shown on top of every newer result, and what a fetch brings gives way.
 */
export class QueryCacheBridge {
  readonly live: LiveClientInternals
  readonly #queryClient: QueryClient
  readonly #entries = new Map<string, LiveEntry>()
  readonly #statusListeners = new Map<string, Set<() => void>>()
  /** What providers give to hooks: another one for each stay. */
  context: LiveContextValue = { bridge: this, sinceMs: 0 }
  #scope: string | null
  #users = 0
  #stops: (() => void)[] = []
  #isWriting = false
  /** What is being written where it shares its unchanged parts with what is there already. */
  #shared: unknown
  /** Loaded beside the first results, so that no page waits for it. */
  #ownWrites: typeof OwnWrites | undefined
  /** What was written and answered while it is being loaded, to be told when it is there. */
  #missed: ((ownWrites: typeof OwnWrites) => void)[] | undefined
  #markTimer: ReturnType<typeof setTimeout> | undefined

  constructor(live: LiveClientInternals, queryClient: QueryClient) {
    this.live = live
    this.#queryClient = queryClient
    this.#scope = live.store.scope()
    this.#keepQuiet()
  }

  /** Listens while at least one provider is mounted. */
  start(): () => void {
    if (this.#users++ === 0) this.#listen()
    void this.#loadOwnWrites()
    return () => {
      if (--this.#users > 0) return
      this.#markAgain()
      for (const stop of this.#stops) stop()
      this.#stops = []
    }
  }

  /** Asks who is asking now. When that changed, what the cache held for the person before is gone when this returns. */
  enterScope(): void {
    if (this.live.store.scope() !== this.#scope) this.#purge()
  }

  /**
   * What the application shows in place of a result that is not there yet, made of nothing that the person before was shown. A new function in
   * each render: TanStack goes on showing what the same one gave.
   */
  readonly placeholder = (given: unknown): unknown =>
    typeof given === 'function'
      ? (data: unknown, query?: Query): unknown => (query && query.state.dataUpdatedAt > this.context.sinceMs ? given(data, query) : given())
      : given

  /** Takes over what a read on the server left in the cache, before TanStack's hook replaces the entry's options. */
  adopt(query: LiveQuery<unknown>, hash: string): void {
    // On a server the client serves everybody, and nobody goes on from there.
    if (typeof window === 'undefined') return
    const cached = this.#queryClient.getQueryCache().get(hash)
    const resume = cached && resumePointOf(cached)
    if (resume !== undefined && cached?.state.data !== undefined) this.live.store.adopt(query, cached.state.data, resume)
  }

  /** Keeps the query open and its key live until released. */
  hold(query: LiveQuery<unknown>, queryKey: QueryKey): () => void {
    const entry = this.#entry(query, queryKey)
    entry.held.push(query)
    const release = this.live.store.watch(query)
    this.#write(entry)
    return () => {
      entry.held.splice(entry.held.indexOf(query), 1)
      release()
      this.#write(this.#entry(query, queryKey))
    }
  }

  /** Calls back, within TanStack's own batches, when the query's state may differ. */
  onState(query: LiveQuery<unknown>, listener: () => void): () => void {
    const id = this.live.store.idOf(query)
    const listeners = this.#statusListeners.get(id) ?? new Set()
    this.#statusListeners.set(id, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#statusListeners.delete(id)
    }
  }

  /** What a fetch of the key gives: the first result, or the present one once the stream has brought what was written here. */
  async fetch(query: LiveQuery<unknown>, queryKey: QueryKey, signal: AbortSignal): Promise<unknown> {
    // Rendering on a server: nothing is kept open there.
    if (typeof window === 'undefined') return (await this.live.store.readOnce(query, signal)).data
    const entry = this.#entry(query, queryKey)
    await entry.writes?.settled()
    return shownOf(entry, await this.live.store.ready(query, signal))
  }

  /** Nothing of the person before stays in the cache: no live result, and nothing that ZenStack's hooks fetched under the same keys. */
  #purge(): void {
    this.#scope = this.live.store.scope()
    this.context = { bridge: this, sinceMs: Date.now() }
    this.#missed?.splice(0)
    const cache = this.#queryClient.getQueryCache()
    notifyManager.batch(() => {
      for (const query of cache.getAll()) {
        if (query.queryKey[0] !== KEY_PREFIX) continue
        query.reset()
        if (query.getObserversCount() === 0) cache.remove(query)
      }
      for (const entry of this.#entries.values()) {
        entry.written = undefined
        entry.writes?.clear()
      }
      for (const listeners of this.#statusListeners.values()) for (const listener of listeners) notifyManager.schedule(listener)
    })
    // Not here: a change of person may be noticed while React renders.
    queueMicrotask(() => void this.#queryClient.refetchQueries({ queryKey: [KEY_PREFIX], type: 'active' }))
  }

  /** The key's entry, which shows the first query of those that are held, or else this one. */
  #entry(query: LiveQuery<unknown>, queryKey: QueryKey): LiveEntry {
    const hash = hashQueryKey(queryKey)
    const entry: LiveEntry = this.#entries.get(hash) ?? {
      query,
      id: '',
      queryKey,
      hash,
      held: [],
      isStreamed: false,
    }
    this.#entries.set(hash, entry)
    entry.query = entry.held[0] ?? query
    entry.id = this.live.store.idOf(entry.query)
    return entry
  }

  #listen(): void {
    const { store, onWrite } = this.live
    this.#stops = [
      store.onBatch((changed) => this.#onBatch(changed)),
      store.onScopeChange(() => this.#purge()),
      onWrite((write) => this.#onWrite(write)),
      this.#queryClient.getQueryCache().subscribe((event) => this.#onCacheEvent(event)),
      this.#queryClient.getMutationCache().subscribe((event) => {
        if (event.type !== 'updated') return
        if (event.action.type === 'pending') this.#onMutationStart(event.mutation)
        if (event.action.type === 'success' || event.action.type === 'error') this.#onMutationEnd(event.mutation, event.action.type === 'success')
      }),
    ]
  }

  #onBatch(changed: ReadonlySet<string>): void {
    notifyManager.batch(() => {
      for (const entry of this.#entries.values()) {
        if (!changed.has(entry.id)) continue
        this.#write(entry)
        if (entry.held.length === 0 && !this.live.store.has(this.live.store.idOf(entry.query))) this.#entries.delete(entry.hash)
      }
      for (const id of changed) for (const listener of this.#statusListeners.get(id) ?? []) notifyManager.schedule(listener)
    })
  }

  #rewrite(entry: LiveEntry): void {
    if (this.#entries.get(entry.hash) === entry) notifyManager.batch(() => this.#write(entry))
  }

  /** Base and patches into the cache, if that is not what is there. */
  #write(entry: LiveEntry): void {
    // What is kept may be of the person before.
    this.enterScope()
    const state = this.live.store.read(entry.query)
    const query = this.#cached(entry)
    if (query === undefined) return
    if (state.data !== undefined) {
      const shown = shownOf(entry, state.data)
      this.#put(query, entry, shown, shown === state.data)
    }
    if (state.status === 'error' && query.state.error !== state.error && query.state.fetchStatus === 'idle') {
      query.setState({ status: 'error', error: state.error, errorUpdatedAt: Date.now(), errorUpdateCount: query.state.errorUpdateCount + 1 })
    }
  }

  #put(query: Query, entry: LiveEntry, data: unknown, isStreamed: boolean): void {
    this.#isWriting = true
    this.#shared = isStreamed && entry.isStreamed && query.state.data === entry.written ? data : undefined
    try {
      const isThere = query.state.data === data && query.state.status === 'success'
      // The cache keeps its own objects where ours are equal to them.
      entry.written = isThere ? data : query.setData(data, { updatedAt: Date.now(), manual: true })
      entry.isStreamed = isStreamed && entry.written === data
    } finally {
      this.#isWriting = false
      this.#shared = undefined
    }
  }

  /** TanStack's structural sharing, but for results that have it: at 10 000 rows it would take three quarters of all the time a transaction costs. */
  readonly share = (before: unknown, next: unknown): unknown => (next === this.#shared ? next : replaceEqualDeep(before, next))

  #cached(entry: LiveEntry): Query | undefined {
    const cache = this.#queryClient.getQueryCache()
    const query = cache.get(entry.hash)
    if (query !== undefined || entry.held.length === 0) return query
    return cache.build(this.#queryClient, { queryKey: entry.queryKey, queryHash: entry.hash })
  }

  #onCacheEvent(event: QueryCacheNotifyEvent): void {
    if (event.type === 'removed') return this.#keep(event.query)
    if (event.type !== 'updated' || this.#isWriting) return
    const { action, query } = event
    const data: unknown = query.state.data
    // Put by a hydrated page, or taken by a reset: a live result is there again at once, before anybody would fetch what the stream has brought.
    const isPut = action.type === 'setState' && 'data' in action.state
    if (action.type !== 'success' && !isPut) return
    const entry = this.#entries.get(query.queryHash)
    if (entry === undefined || data === entry.written || (data === undefined && entry.held.length === 0)) return
    const streamed = this.live.store.read(entry.query).data
    if (streamed === undefined) return
    if (action.type === 'success' && action.manual === true) {
      const [shown, pending] = [entry.written, this.#pendingMutations()]
      this.#tell((ownWrites) => {
        // One of them has ended meanwhile, perhaps the one whose edit this is.
        if (!pending.every(isPending)) return
        entry.writes ??= new ownWrites(this.live, entry, () => this.#rewrite(entry))
        entry.writes.record(streamed, shown, data, pending)
      })
    }
    notifyManager.batch(() => this.#write(entry))
  }

  /** What mounted hooks show stays in the cache, however it was emptied: of another entry under the same key they would see nothing. */
  #keep(query: Query): void {
    if (query.getObserversCount() === 0 || !this.#isHeld(query)) return
    const { context } = this
    this.enterScope()
    // It was not there to be cleared with the rest.
    if (context !== this.context) query.reset()
    this.#queryClient.getQueryCache().add(query)
    // Being removed it gave its fetch up without a word.
    if (query.state.fetchStatus === 'idle') return
    query.setState({ fetchStatus: 'idle' })
    // Not now: it may be noticed while React renders.
    if (query.state.data === undefined) queueMicrotask(() => void query.fetch().catch(() => {}))
  }

  #isHeld({ queryHash }: Query): boolean {
    return (this.#entries.get(queryHash)?.held.length ?? 0) > 0
  }

  #pendingMutations(): Mutation[] {
    return this.#queryClient.getMutationCache().getAll().filter(isPending)
  }

  #onWrite(write: Write): void {
    this.#tell(() => {
      for (const entry of this.#entries.values()) entry.writes?.answered(write)
    })
  }

  /** At once, or when the code of own writes is there. Where it did not arrive, an edit is shown when it comes back. */
  #tell(say: (ownWrites: typeof OwnWrites) => void): void {
    if (this.#ownWrites === undefined) this.#missed?.push(say)
    else say(this.#ownWrites)
  }

  /** ZenStack's updater, which runs next, leaves rows alone that are marked `$optimistic`: for so long they bear no mark. */
  #onMutationStart(mutation: Mutation): void {
    void this.#loadOwnWrites()
    if (mutation.options.onMutate === undefined) return
    notifyManager.batch(() => {
      for (const entry of this.#entries.values()) {
        const query = entry.writes === undefined || entry.writes.isEmpty ? undefined : this.#cached(entry)
        if (query !== undefined) this.#put(query, entry, entry.writes?.unmarked(entry.written), false)
      }
    })
    // Before anything is rendered: what TanStack tells its observers waits for a timer, too.
    this.#markTimer ??= setTimeout(() => this.#markAgain())
  }

  #markAgain(): void {
    clearTimeout(this.#markTimer)
    this.#markTimer = undefined
    for (const entry of this.#entries.values()) if (entry.writes?.isEmpty === false) this.#rewrite(entry)
  }

  async #loadOwnWrites(): Promise<void> {
    if (this.#ownWrites !== undefined) return
    const missed = (this.#missed ??= [])
    // Where it fails, the next mutation asks for it again.
    this.#ownWrites = await import('./own-writes.ts').then(
      (module) => module.OwnWrites,
      () => undefined,
    )
    this.#missed = undefined
    for (const say of missed.splice(0)) this.#tell(say)
    // Not now: a mutation may have begun, whose updater expects no marks.
    this.#markTimer ??= setTimeout(() => this.#markAgain())
  }

  #onMutationEnd(mutation: unknown, isSuccess: boolean): void {
    for (const entry of this.#entries.values()) entry.writes?.ended(mutation, isSuccess)
  }

  /** Focus, reconnect, mounting and invalidation fetch nothing for a key that is live. */
  #keepQuiet(): void {
    const inherited = this.#queryClient.getQueryDefaults([KEY_PREFIX])
    const before = inherited.staleTime ?? this.#queryClient.getDefaultOptions().queries?.staleTime
    this.#queryClient.setQueryDefaults([KEY_PREFIX], {
      ...inherited,
      staleTime: (query) => {
        if (this.#isHeld(query)) return 'static'
        return (typeof before === 'function' ? before(query) : before) ?? 0
      },
    })
  }
}

function isPending({ state }: Mutation): boolean {
  return state.status === 'pending'
}

/** A result with what was written here on top. */
function shownOf({ writes }: LiveEntry, streamed: unknown): unknown {
  return writes === undefined ? streamed : writes.applyTo(streamed)
}
