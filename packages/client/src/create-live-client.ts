import { COMMIT_POSITION_HEADER, readLsn, type Lsn } from '@zenstack-live/protocol'
import type { InferSchema } from '@zenstackhq/client-helpers'
import type { SchemaDef } from '@zenstackhq/schema'
import { callListener } from './call-listener.ts'
import { createDescriptors, type AnyClient, type LiveChanges, type LiveModels, type LiveQuery } from './descriptor.ts'
import { LazyProjections } from './lazy-projections.ts'
import type { LiveFetch } from './live-fetch.ts'
import type { LiveProjection, ProjectionView } from './live-projection.ts'
import type { LiveState, LiveStatus } from './live-state.ts'
import { LiveStore, type LiveStoreOptions } from './live-store.ts'
import { loadLater } from './load-later.ts'
import { listen } from './listen.ts'
import { CLIENT_LIMITS, type ClientLimits } from './limits.ts'

export interface LiveClientOptions {
  /** Where the edge is mounted. Absolute outside a browser. @defaultValue `/api/live` */
  endpoint?: string
  /**
   * Who is asking: any text that differs between people (a user id), `null` for nobody. Read often, so it must be cheap.
   * When it changes, everything of the person before is gone before the next render. @defaultValue always `null`
   */
  identity?: () => string | null | undefined
  /** Used for everything the client sends. @defaultValue the global `fetch` */
  fetch?: LiveFetch
  /** Added to every request, those of `live.fetch` too; a function is asked again for each, so that a fresh token is sent. */
  headers?: Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>)
  /** Passed to every `fetch`: `include` sends cookies to another origin. */
  credentials?: RequestCredentials
  /** Called when the server no longer accepts the credentials. Refresh them; when it resolves the stream is resumed, when it rejects the queries fail. */
  onAuthExpired?: () => unknown
  /** Whether signing out in one tab empties the others of the same person. @defaultValue true */
  sharesSignOut?: boolean
  limits?: Partial<ClientLimits>
}

/** The parts of the client that are not models. */
export interface LiveClientMembers {
  /**
   * Watches a query: the listener is called at once with its state, then once for each transaction that changes it.
   * The connection stays open for a few seconds after the last watcher is gone.
   *
   * @returns a function that ends it
   * @throws {TypeError} outside a browser, when the client's endpoint is not an absolute URL.
   */
  subscribe<T>(query: LiveQuery<T>, listener: (state: LiveState<T>) => void): () => void
  /** Watches a model's changes: the listener is called once for each. What happened before it, or while the client was away too long, is not told. */
  subscribe<Change>(changes: LiveChanges<Change>, listener: (change: Change) => void): () => void
  /** Watches a projection, as a query is watched: the listener is called once for each event that changes it, or a few at once. */
  subscribe<State>(projection: LiveProjection<State>, listener: (state: LiveState<State>) => void): () => void
  /**
   * Names a projection that the server registered, for `subscribe` and `useProjection`. Its type comes from the server's code, by a type-only import.
   *
   * @example
   * ```ts
   * import type { cartProjection } from '../server/cart.ts'
   * const cart = live.projection<typeof cartProjection>('cart', cartId)
   * ```
   */
  projection<Projection>(name: string, id: string): LiveProjection<ProjectionView<Projection>>
  /**
   * `fetch` for ZenStack's `QuerySettingsProvider`: a mutation sent with it resolves when its effects have arrived in the live queries
   * (or after `ownWriteMs`, or at once while nothing is live), so that what follows `await mutateAsync(…)` finds them.
   */
  readonly fetch: LiveFetch
  readonly $status: LiveStatus
  /** Tries again at once: after the person signed in, or when a refused query may be allowed now. */
  $reconnect(): void
  /** Ends everything for good. */
  $close(): void
  /** @internal */
  readonly [internals]: LiveClientInternals
}

/** @internal What the adapters of frameworks build on. */
export interface LiveClientInternals {
  readonly store: LiveStore
  readonly projections: LazyProjections
  readonly schema: SchemaDef
  /** Told of each answered mutation. */
  onWrite(listener: (write: Write) => void): () => void
}

/** @internal A mutation that was answered. */
export interface Write {
  readonly url: string
  readonly body: string | undefined
  /** Where it stands in the log, where the server says so. */
  readonly lsn: Lsn | undefined
}

export const internals: unique symbol = Symbol.for('zenstack-live.internals')

/**
 * All models by name, and the client's own members. A model that has the name of one (`Fetch`, `Projection`, `Subscribe`) is not among them: `useLiveQueries`
 * has its hooks, and its queries can be written as the plain data that they are, `{ model: 'Fetch', operation: 'findMany', args }`.
 */
export type LiveClient<SchemaOrClient extends SchemaDef | AnyClient> = Omit<LiveModels<SchemaOrClient>, keyof LiveClientMembers> & LiveClientMembers

/**
 * The browser's side of ZenStack LIVE. Opens nothing until a query is watched.
 *
 * @param schema - ZenStack's generated schema; the lite one is enough, and keeps policies off the browser
 * @example
 * ```ts
 * const live = createLiveClient(schema, { endpoint: '/api/live', identity: () => session?.userId ?? null })
 * const stop = live.subscribe(live.task.findMany({ where: { spaceId } }), ({ data }) => render(data))
 * ```
 */
export function createLiveClient<SchemaOrClient extends SchemaDef | AnyClient>(
  schema: InferSchema<SchemaOrClient>,
  options: LiveClientOptions = {},
): LiveClient<SchemaOrClient> {
  const { identity } = options
  const send = sender(options)
  const storeOptions: LiveStoreOptions = {
    endpoint: (options.endpoint ?? '/api/live').replace(/\/$/, ''),
    identity: () => identity?.() ?? null,
    fetch: send,
    onAuthExpired: options.onAuthExpired,
    limits: { ...CLIENT_LIMITS, ...options.limits },
    random: Math.random,
    sharesSignOut: options.sharesSignOut ?? true,
    loadLater,
  }
  // With the page that it belongs to: when the first query is watched, a new release may have taken it away.
  if (typeof document !== 'undefined') loadLater().catch(() => {})
  const store = new LiveStore(storeOptions)
  const projections = new LazyProjections(storeOptions, async () => {
    const { ProjectionStore } = await import('./projection-store.ts')
    return new ProjectionStore(storeOptions, store)
  })
  const writeListeners = new Set<(write: Write) => void>()
  const members: LiveClientMembers = {
    subscribe: (watched: LiveQuery<unknown> | LiveChanges<unknown> | LiveProjection<unknown>, listener: (value: never) => void) =>
      'projection' in watched ? subscribe(projections, watched, listener) : subscribeQuery(store, watched, listener),
    projection: (name, id) => ({ projection: name, id }),
    fetch: async (url, init) => {
      store.scope()
      const response = await send(url, init)
      if (init?.method !== undefined && init.method !== 'GET' && response.ok) {
        const lsn = readLsn(response.headers.get(COMMIT_POSITION_HEADER) ?? '')
        for (const listener of writeListeners) listener({ url, body: typeof init.body === 'string' ? init.body : undefined, lsn })
        if (lsn !== undefined && store.isFollowing) await store.whenPassed(lsn)
      }
      return response
    },
    get $status() {
      return store.status()
    },
    $reconnect() {
      store.reconnect()
      projections.reconnect()
    },
    $close() {
      store.close()
      projections.close()
    },
    [internals]: {
      store,
      projections,
      schema,
      onWrite: (listener) => listen(writeListeners, listener),
    },
  }
  // Descriptors come from the schema at run time and from its type for the compiler; the two say the same.
  return Object.defineProperties(createDescriptors(schema), Object.getOwnPropertyDescriptors(members)) as unknown as LiveClient<SchemaOrClient>
}

/** `fetch` with the client's headers and credentials; what a request says itself goes before. */
function sender({ fetch = (url, init) => globalThis.fetch(url, init), headers, credentials }: LiveClientOptions): LiveFetch {
  let isTold = false
  return async (url, init) => {
    const own = new Headers(init?.headers)
    let sent: Headers
    try {
      sent = new Headers(typeof headers === 'function' ? await headers() : headers)
      isTold = false
    } catch (error) {
      // A stream whose request never left is tried again, and looks like one that was lost: so whoever develops the application is told, once. Who
      // reads or writes gets the error itself.
      if (!isTold && own.get('accept') === 'text/event-stream' && !init?.signal?.aborted) {
        isTold = true
        console.error('zenstack-live: `headers` failed; streams wait for them.', error)
      }
      throw error
    }
    for (const [name, value] of own) sent.set(name, value)
    // Nobody waits any more, perhaps because the person changed.
    init?.signal?.throwIfAborted()
    return fetch(url, { ...(credentials && { credentials }), ...init, headers: sent })
  }
}

function subscribeQuery(store: LiveStore, query: LiveQuery<unknown> | LiveChanges<unknown>, listener: (value: never) => void): () => void {
  // The overloads pair each kind of descriptor with what its listener takes.
  if (query.operation !== '$changes') return subscribe(store, query, listener)
  const tell = listener as (change: unknown) => void
  return store.watchChanges(query, (change) => tell({ ...change, date: new Date(change.date) }))
}

/** What keeps descriptors of one kind current. */
interface Watchable<Descriptor> {
  watch(descriptor: Descriptor, listener: () => void): () => void
  read(descriptor: Descriptor): LiveState<unknown>
}

function subscribe<Descriptor>(store: Watchable<Descriptor>, descriptor: Descriptor, listener: (value: never) => void): () => void {
  const tell = (): void => (listener as (state: LiveState<unknown>) => void)(store.read(descriptor))
  const release = store.watch(descriptor, tell)
  // It may throw, and whoever subscribes must be able to release all the same.
  callListener(tell, undefined)
  return release
}
