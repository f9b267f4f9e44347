import { positionLsn, type ErrorCode, type LiveRequestBody, type QueryId, type RowChange, type WireQuery } from '@zenstack-live/protocol'
import type { ConnectionLife } from './connection-life.ts'
import type { ConnectionEvent, EventKind, StateKind } from './connection-machine.ts'
import { EMPTY_QUERY_VIEW, type ConnectionView, type QueryView } from './connection-view.ts'
import type { LiveFetch } from './live-fetch.ts'
import type { ClientLimits } from './limits.ts'
import type { LaterCode } from './load-later.ts'
import { openRequest, type OpenRequest } from './open-request.ts'
import type { WatchedQuery } from './watched-query.ts'

/** What the connection needs from the one who keeps the queries. */
export interface ConnectionHost {
  /** Who is asking now. Reading it notices that the person changed. */
  scope(): string | null
  /** Another one when the person leaves. */
  readonly stay: object
  /** Whether the query is watched, refused or not. */
  has(id: QueryId): boolean
  /** Those of the watched queries that are not refused. */
  asked(): readonly WatchedQuery[]
  /** The queries that should be open now. */
  wanted(): ReadonlyMap<QueryId, WireQuery>
  /** What is shown of these queries differs now. Called once per batch. */
  shown(changed: ReadonlySet<QueryId>, isBatchEnd: boolean): void
  happened(query: QueryId, changes: readonly RowChange[]): void
  refused(query: QueryId, code: ErrorCode): void
  /** The state moved on: what is derived from it may differ. */
  moved(): void
}

export interface ConnectionOptions {
  readonly endpoint: string
  readonly fetch: LiveFetch
  readonly limits: ClientLimits
  readonly random: () => number
  readonly onAuthExpired: (() => unknown) | undefined
}

/** A request for a stream, and what its reader has to know. */
export interface Asked {
  readonly request: OpenRequest
  readonly ids: ReadonlySet<QueryId>
  /** What was shown of these queries when they were asked for. */
  readonly inherited: ConnectionView
}

const EMPTY_VIEW: ConnectionView = { queries: new Map(), position: undefined }

/** What ends the first request before its life is there, and the state it leaves. */
const QUITS: Partial<Record<EventKind, StateKind>> = {
  'no-demand': 'idle',
  'scope-changed': 'idle',
  retry: 'idle',
  'signed-out': 'signed-out',
  close: 'closed',
}

/**
 * One connection for all queries: what it shows, and what it asks for. The first request leaves from here, while the code loads that reads its
 * answer. From then on its life decides.
 */
export class Connection {
  readonly options: ConnectionOptions
  readonly host: ConnectionHost
  shown: ConnectionView = EMPTY_VIEW
  /** The queries that the position shown speaks for. What another stream brought may be older, and begins anew. */
  continuable: ReadonlySet<QueryId> = new Set()
  #life: ConnectionLife | undefined
  #kind: StateKind = 'idle'
  #first: Asked | undefined
  #gathering: ReturnType<typeof setTimeout> | undefined

  constructor(options: ConnectionOptions, host: ConnectionHost) {
    this.options = options
    this.host = host
  }

  /** The code is there. */
  begin(later: LaterCode): void {
    clearTimeout(this.#gathering)
    this.#life = new later.ConnectionLife(this, this.#kind === 'gathering' ? 'idle' : this.#kind, this.#first)
    // It holds rows, which end with the stream.
    this.#first = undefined
    this.review()
  }

  /** Since its stream brought something. */
  quietMs(): number {
    return this.#life?.quietMs() ?? 0
  }

  get kind(): StateKind {
    return this.#life?.state.kind ?? this.#kind
  }

  /** Why it is stopped. */
  get code(): ErrorCode | undefined {
    return this.#life?.state.code
  }

  /** Whether a stream brings what is shown. */
  get isLed(): boolean {
    return this.#life?.leader !== undefined
  }

  get position(): string | undefined {
    return this.isLed ? this.shown.position : undefined
  }

  view(id: QueryId): QueryView {
    return this.shown.queries.get(id) ?? EMPTY_QUERY_VIEW
  }

  /** Whether a stream follows this query. */
  isFollowed(id: QueryId): boolean {
    return this.#life?.isFollowed(id) === true
  }

  /** Puts a result in place as if a stream had brought it. */
  seed(id: QueryId, view: QueryView): void {
    this.shown = { ...this.shown, queries: new Map(this.shown.queries).set(id, view) }
  }

  /** Takes over a result read elsewhere. Before the first opening the stream goes on from it; of several places, from the earliest. */
  adopt(id: QueryId, view: QueryView, position: string): void {
    if (this.kind !== 'idle' && this.kind !== 'gathering') return this.seed(id, { ...view, ticket: undefined, at: undefined })
    const { queries, position: known } = this.shown
    this.seed(id, view)
    this.continuable = new Set([...this.continuable, id])
    const [lsn, knownLsn] = [positionLsn(position), positionLsn(known)]
    // Where nothing is shown, what was shown once has left its place behind.
    if (queries.size === 0 || known === undefined || (lsn !== undefined && knownLsn !== undefined && lsn < knownLsn))
      this.shown = { ...this.shown, position }
  }

  drop(id: QueryId): void {
    const queries = new Map(this.shown.queries)
    queries.delete(id)
    this.shown = { ...this.shown, queries }
    this.#life?.forget(id)
  }

  /** The set of wanted queries may have changed. */
  review(): void {
    if (this.host.wanted().size === 0) this.dispatch({ kind: 'no-demand' })
    else if (this.#life?.isServed() !== true) this.dispatch({ kind: 'demand' })
  }

  forgetAll(): void {
    this.shown = EMPTY_VIEW
    this.continuable = new Set()
    this.#life?.forgetAll()
  }

  dispatch(event: ConnectionEvent): void {
    if (this.#life === undefined) this.#dispatchFirst(event)
    else this.#life.dispatch(event)
  }

  /** Asks for a stream of what is wanted, from where it stands. */
  ask(): Asked {
    const { fetch, endpoint } = this.options
    const wanted = this.host.wanted()
    const { queries: shown, position } = this.shown
    const queries = new Map<QueryId, QueryView>()
    const asked = [...wanted].map(([id, query]) => {
      const view = shown.get(id)
      // Not one of them is followed by this stream before it says so.
      if (view !== undefined) queries.set(id, { ...view, isReady: false })
      return { ...query, ticket: position && this.continuable.has(id) ? view?.ticket : undefined }
    })
    // Members that are `undefined` are not sent.
    const body = JSON.stringify({ lastEventId: position, queries: asked } satisfies { [Name in keyof LiveRequestBody]: unknown })
    const request = openRequest(fetch, endpoint, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    return { request, ids: new Set(wanted.keys()), inherited: { queries, position } }
  }

  /** The machine's steps as far as the first request goes. What its answer leads to waits for its life. */
  #dispatchFirst({ kind }: ConnectionEvent): void {
    const quit = QUITS[kind]
    if (quit !== undefined) this.#quit(kind, quit)
    else if (kind === 'demand' && this.#kind === 'idle') {
      this.#gathering = setTimeout(() => {
        // Asked first: it may notice another person, for whom gathering began anew.
        this.host.wanted()
        clearTimeout(this.#gathering)
        if (this.#kind !== 'gathering') return
        this.#first = this.ask()
        this.#become('connecting')
      }, this.options.limits.gatherMs)
      this.#become('gathering')
    }
  }

  #quit(event: EventKind, kind: StateKind): void {
    if (this.#kind === 'closed' || (this.#kind === 'signed-out' && event === 'no-demand')) return
    clearTimeout(this.#gathering)
    this.#first?.request.controller.abort()
    this.#first = undefined
    this.#become(kind)
    if (event !== 'no-demand' && kind === 'idle') this.review()
  }

  #become(kind: StateKind): void {
    const isNew = kind !== this.#kind
    this.#kind = kind
    if (isNew) this.host.moved()
  }
}
