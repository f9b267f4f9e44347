import { positionLsn, type EntryId, type ErrorCode, type QueryId, type RowChange, type WireQuery } from '@zenstack-live/protocol'
import type { ConnectionLife } from './connection-life.ts'
import type { ConnectionEvent, EventKind, StateKind } from './connection-machine.ts'
import { EMPTY_QUERY_VIEW, type ChangeEvent, type ConnectionView, type QueryView } from './connection-view.ts'
import type { StreamOptions } from './event-stream.ts'
import type { LaterCode } from './load-later.ts'
import { LiveStream, type LiveStreamOwner } from './live-stream.ts'
import type { StreamEnd } from './stream-end.ts'
import type { WatchedQuery } from './watched-query.ts'

/** What the connection needs from the one who keeps the queries. */
export interface ConnectionHost {
  /** Who is asking now. Reading it notices that the person changed. */
  scope(): string | null
  /** Another one when the person leaves. */
  readonly stay: object
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
  /** Resolves when the code is there that `begin` was given. */
  whenLater(): Promise<LaterCode>
}

export interface ConnectionOptions extends StreamOptions {
  readonly random: () => number
  readonly onAuthExpired: (() => unknown) | undefined
}

const EMPTY_VIEW: ConnectionView = { queries: new Map(), position: undefined }

/** What ends the first stream before its life is there, and the state it leaves. */
const QUITS: Partial<Record<EventKind, StateKind>> = {
  'no-demand': 'idle',
  'scope-changed': 'idle',
  retry: 'idle',
  'signed-out': 'signed-out',
  close: 'closed',
}

/**
 * One connection for all queries: opens streams, and shows the results of one.
 * A stream leads when its first batch is whole and it has every query that its predecessor follows, not behind it; until then the
 * predecessor's results stay. A query that is still opening, or new, holds nobody up.
 *
 * What is here is what the first stream needs. All that may come after it is decided by its life, whose code is loaded meanwhile.
 */
export class Connection implements LiveStreamOwner {
  readonly options: ConnectionOptions
  readonly host: ConnectionHost
  /** Loaded beside the first results. */
  later: LaterCode | undefined
  /** What its life works with, too: the stream in use, its successor while that opens, and the one whose results are shown. */
  current: LiveStream | undefined
  next: LiveStream | undefined
  leader: LiveStream | undefined
  shown: ConnectionView = EMPTY_VIEW
  /** The last change of each `$changes` query that was told, and by whom. */
  readonly told = new Map<QueryId, { at: EntryId; stream: LiveStream }>()
  /** The queries that the position shown speaks for. What another stream brought may be older, and begins anew. */
  #continuable: ReadonlySet<QueryId> = new Set()
  #life: ConnectionLife | undefined
  #kind: StateKind = 'idle'
  /** How the first stream ended, until its life is there to say what follows. */
  #end: StreamEnd | undefined
  #gathering: ReturnType<typeof setTimeout> | undefined

  constructor(options: ConnectionOptions, host: ConnectionHost) {
    this.options = options
    this.host = host
  }

  /** The code is there: from here on its life decides. */
  begin(later: LaterCode): void {
    clearTimeout(this.#gathering)
    this.later = later
    this.#life = new later.ConnectionLife(this, this.#kind === 'gathering' ? 'idle' : this.#kind)
    if (this.#end !== undefined) this.#life.dispatch(this.#end)
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
    return this.leader !== undefined
  }

  /** Whether it shows all that the stream brought. */
  get isCurrent(): boolean {
    return this.leader?.isWaiting === false
  }

  get position(): string | undefined {
    return this.leader && this.shown.position
  }

  view(id: QueryId): QueryView {
    return this.shown.queries.get(id) ?? EMPTY_QUERY_VIEW
  }

  /** Whether a stream follows this query, and what is shown is all it said. */
  isFollowed(id: QueryId): boolean {
    const { leader, current, next } = this
    const isShown = [leader, current, next].some(
      (stream) => stream !== undefined && !stream.isWaiting && (stream === leader ? stream.ids : stream.grafted).has(id),
    )
    return isShown && this.view(id).isReady
  }

  /** Whether this query cannot go on without the later code. */
  isHeldUp(id: QueryId): boolean {
    const { current } = this
    return this.#life === undefined && (this.#end !== undefined || current?.isWaiting === true || current?.ids.has(id) === false)
  }

  /** Puts a result in place as if a stream had brought it. */
  seed(id: QueryId, view: QueryView): void {
    this.shown = { ...this.shown, queries: new Map(this.shown.queries).set(id, view) }
  }

  /** Takes over a result read elsewhere. Before the first opening the stream goes on from it; of several places, from the earliest. */
  adopt(id: QueryId, view: QueryView, position: string): void {
    const known = this.shown.position
    const isFirst = this.kind === 'idle' || this.kind === 'gathering'
    this.seed(id, isFirst ? view : { ...view, ticket: undefined, at: undefined })
    if (isFirst) this.#continuable = new Set([...this.#continuable, id])
    const [lsn, knownLsn] = [positionLsn(position), positionLsn(known)]
    if (isFirst && (known === undefined || (lsn !== undefined && knownLsn !== undefined && lsn < knownLsn))) this.shown = { ...this.shown, position }
  }

  drop(ids: Iterable<QueryId>): void {
    const queries = new Map(this.shown.queries)
    for (const id of ids) {
      queries.delete(id)
      this.told.delete(id)
    }
    this.shown = { ...this.shown, queries }
  }

  /** The set of wanted queries may have changed. */
  review(): void {
    if (this.host.wanted().size === 0) this.dispatch({ kind: 'no-demand' })
    else if (this.#life?.isServed() !== true) this.dispatch({ kind: 'demand' })
  }

  forgetAll(): void {
    this.shown = EMPTY_VIEW
    this.#continuable = new Set()
    this.told.clear()
    this.leader = undefined
  }

  dispatch(event: ConnectionEvent): void {
    if (this.#life === undefined) this.#dispatchFirst(event)
    else this.#life.dispatch(event)
  }

  /** The machine's steps as far as the first stream goes. What else happens to it waits for its life. */
  #dispatchFirst(event: ConnectionEvent): void {
    const quit = QUITS[event.kind]
    if (quit !== undefined) this.#quit(event.kind, quit)
    else if (event.kind === 'demand' && this.#kind === 'idle') {
      this.#gathering = setTimeout(() => {
        // Asked first: it may notice another person, for whom gathering began anew.
        this.host.wanted()
        clearTimeout(this.#gathering)
        if (this.#kind !== 'gathering') return
        this.current = this.open()
        this.#become('connecting')
      }, this.options.limits.gatherMs)
      this.#become('gathering')
    } else if (event.kind === 'caught-up') this.#become('live')
  }

  #quit(event: EventKind, kind: StateKind): void {
    if (this.#kind === 'closed' || (this.#kind === 'signed-out' && event === 'no-demand')) return
    clearTimeout(this.#gathering)
    this.current?.close()
    this.current = this.leader = this.#end = undefined
    this.#become(kind)
    if (event !== 'no-demand' && kind === 'idle') this.review()
  }

  #become(kind: StateKind): void {
    const isNew = kind !== this.#kind
    this.#kind = kind
    if (isNew) this.host.moved()
  }

  open(): LiveStream {
    const wanted = this.host.wanted()
    const { queries: shown, position } = this.shown
    const queries = new Map<QueryId, QueryView>()
    const asked = [...wanted].map(([id, query]) => {
      const view = shown.get(id)
      // Not one of them is followed by this stream before it says so.
      if (view !== undefined) queries.set(id, { ...view, isReady: false })
      const ticket = position === undefined || !this.#continuable.has(id) ? undefined : view?.ticket
      return ticket === undefined ? query : { ...query, ticket }
    })
    const stream = new LiveStream(this.options, this, new Set(wanted.keys()), { queries, position })
    stream.open(this.options.endpoint, { ...(position === undefined ? {} : { lastEventId: position }), queries: asked })
    return stream
  }

  delivered(stream: LiveStream, events?: readonly ChangeEvent[]): void {
    if (events !== undefined) this.#life?.tell(stream, events)
    if (events !== undefined && stream !== this.leader && this.#mayLead(stream)) this.lead(stream)
    else this.host.shown(this.#show(stream), events !== undefined)
  }

  ended(stream: LiveStream, end: StreamEnd): void {
    if (this.#life !== undefined) return this.#life.ended(stream, end)
    this.#end = end
    this.current = this.leader = undefined
    this.host.moved()
  }

  #mayLead(stream: LiveStream): boolean {
    return stream.firstBatchAt !== undefined && (this.#life === undefined || this.#life.maySucceed(stream))
  }

  lead(stream: LiveStream): void {
    this.later?.shareView(stream, this.shown)
    this.leader = stream
    const changed = this.#show(stream)
    this.dispatch({ kind: stream === this.next ? 'next-caught-up' : 'caught-up' })
    this.host.shown(changed, true)
  }

  /** Shows what the stream brought: all of it if it leads, else what nobody shows yet. */
  #show(stream: LiveStream): ReadonlySet<QueryId> {
    const { leader, shown } = this
    const queries = new Map(shown.queries)
    const changed = new Set<QueryId>()
    for (const [id, view] of stream.view.queries) {
      const before = queries.get(id)
      if (view === before) continue
      if (stream !== leader) {
        if (leader?.ids.has(id) === true || (before?.result !== undefined && !stream.grafted.has(id))) continue
        stream.grafted.add(id)
      }
      queries.set(id, view)
      changed.add(id)
    }
    this.shown = { queries, position: stream === leader ? stream.view.position : shown.position }
    if (stream === leader) this.#continuable = stream.ids
    return changed
  }
}
