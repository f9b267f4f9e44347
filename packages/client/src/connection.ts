import {
  compareEntryIds,
  positionLsn,
  type EntryId,
  type ErrorCode,
  type Lsn,
  type QueryId,
  type RowChange,
  type WireQuery,
} from '@zenstack-live/protocol'
import type { ConnectionEvent, ConnectionState } from './connection-machine.ts'
import { EMPTY_QUERY_VIEW, type ConnectionView, type Delivery, type QueryView } from './connection-view.ts'
import type { StreamOptions } from './event-stream.ts'
import { LiveStream, type LiveStreamOwner } from './live-stream.ts'
import { MachineRunner, type MachineOptions } from './machine-runner.ts'
import type { StreamEnd } from './stream-end.ts'

/** What the connection needs from the one who keeps the queries. */
export interface ConnectionHost {
  /** The queries that should be open now. */
  wanted(): ReadonlyMap<QueryId, WireQuery>
  /** What is shown of these queries differs now. Called once per batch. */
  shown(changed: ReadonlySet<QueryId>, isBatchEnd: boolean): void
  happened(query: QueryId, changes: readonly RowChange[]): void
  refused(query: QueryId, code: ErrorCode): void
  /** The state moved on: what is derived from it may differ. */
  moved(): void
  refresh(): Promise<ConnectionEvent>
  poll(): Promise<ConnectionEvent>
}

export interface ConnectionOptions extends StreamOptions, MachineOptions {}

const EMPTY_VIEW: ConnectionView = { queries: new Map(), position: undefined }

/**
 * One connection for all queries: drives the state machine, and decides which stream's results are shown.
 * A stream leads when its first batch is whole and it has every query that its predecessor follows, not behind it; until then the
 * predecessor's results stay. A query that is still opening, or new, holds nobody up.
 */
export class Connection implements LiveStreamOwner {
  readonly #options: ConnectionOptions
  readonly #host: ConnectionHost
  readonly #machine: MachineRunner
  #shown: ConnectionView = EMPTY_VIEW
  /** The queries that the position shown speaks for. What another stream brought may be older, and begins anew. */
  #continuable: ReadonlySet<QueryId> = new Set()
  #current: LiveStream | undefined
  #next: LiveStream | undefined
  #leader: LiveStream | undefined
  #catchUpTimer: ReturnType<typeof setTimeout> | undefined
  /** The last change of each `$changes` query that was told, and by whom. */
  readonly #told = new Map<QueryId, { at: EntryId; stream: LiveStream }>()

  constructor(options: ConnectionOptions, host: ConnectionHost) {
    this.#options = options
    this.#host = host
    this.#machine = new MachineRunner(options, {
      hasDemand: () => host.wanted().size > 0,
      openCurrent: () => {
        this.#current = this.#open()
      },
      openNext: () => {
        this.#next = this.#open()
      },
      closeCurrent: () => this.#replaceCurrent(undefined),
      closeNext: () => {
        clearTimeout(this.#catchUpTimer)
        this.#next?.close()
        this.#next = undefined
      },
      promote: () => {
        this.#replaceCurrent(this.#next)
        this.#next = undefined
      },
      refresh: () => host.refresh(),
      poll: () => host.poll(),
      stepped: (before, event) => this.#stepped(before, event),
    })
  }

  get state(): ConnectionState {
    return this.#machine.state
  }

  /** Whether a stream brings what is shown. */
  get isLed(): boolean {
    return this.#leader !== undefined
  }

  get position(): string | undefined {
    return this.#leader === undefined ? undefined : this.#shown.position
  }

  view(id: QueryId): QueryView {
    return this.#shown.queries.get(id) ?? EMPTY_QUERY_VIEW
  }

  /** Whether a stream follows this query, and what is shown is what it said. */
  isFollowed(id: QueryId): boolean {
    const isShown = this.#leader?.ids.has(id) === true || this.#current?.grafted.has(id) === true || this.#next?.grafted.has(id) === true
    return isShown && this.view(id).isReady
  }

  quietMs(): number {
    return this.#current === undefined ? 0 : Date.now() - this.#current.lastByteAt
  }

  /** Puts a result in place as if a stream had brought it. */
  seed(id: QueryId, view: QueryView): void {
    this.#shown = { ...this.#shown, queries: new Map(this.#shown.queries).set(id, view) }
  }

  /** Takes over a result read elsewhere. Before the first opening the stream goes on from it; of several places, from the earliest. */
  adopt(id: QueryId, view: QueryView, position: string): void {
    const known = this.#shown.position
    const isFirst = this.state.kind === 'idle' || this.state.kind === 'gathering'
    this.seed(id, isFirst ? view : { ...view, ticket: undefined, at: undefined })
    if (isFirst) this.#continuable = new Set([...this.#continuable, id])
    const [lsn, knownLsn] = [positionLsn(position), lsnOf(known)]
    if (isFirst && (known === undefined || (lsn !== undefined && knownLsn !== undefined && lsn < knownLsn)))
      this.#shown = { ...this.#shown, position }
  }

  drop(ids: Iterable<QueryId>): void {
    const queries = new Map(this.#shown.queries)
    for (const id of ids) {
      queries.delete(id)
      this.#told.delete(id)
    }
    this.#shown = { ...this.#shown, queries }
  }

  /** The set of wanted queries may have changed. */
  review(): void {
    const wanted = this.#host.wanted()
    if (wanted.size === 0) return this.dispatch({ kind: 'no-demand' })
    const open = this.#next ?? this.#current
    const served = open === undefined ? [] : [...open.ids].filter((id) => !open.failed.has(id))
    if (served.length !== wanted.size || served.some((id) => !wanted.has(id))) this.dispatch({ kind: 'demand' })
  }

  forgetAll(): void {
    this.#shown = EMPTY_VIEW
    this.#continuable = new Set()
    this.#told.clear()
    this.#leader = undefined
  }

  dispatch(event: ConnectionEvent): void {
    this.#machine.dispatch(event)
  }

  #stepped(before: ConnectionState, event: ConnectionEvent): void {
    const { kind } = this.state
    if (kind !== before.kind) this.#host.moved()
    if (kind === 'live' && before.kind !== 'live' && event.kind !== 'next-lost') this.review()
  }

  #replaceCurrent(stream: LiveStream | undefined): void {
    if (this.#leader === this.#current) this.#leader = undefined
    this.#current?.close()
    this.#current = stream
  }

  #open(): LiveStream {
    const wanted = this.#host.wanted()
    const known = [...wanted.keys()].filter((id) => this.#shown.queries.has(id))
    // Not one of them is followed by this stream before it says so.
    const queries = new Map(known.map((id) => [id, { ...this.view(id), isReady: false }]))
    const inherited: ConnectionView = { queries, position: this.#shown.position }
    const stream = new LiveStream(this.#options, this, new Set(wanted.keys()), inherited)
    const lastEventId = inherited.position
    const asked = [...wanted].map(([id, query]) => {
      const ticket = lastEventId === undefined || !this.#continuable.has(id) ? undefined : inherited.queries.get(id)?.ticket
      return ticket === undefined ? query : { ...query, ticket }
    })
    stream.open(this.#options.endpoint, { ...(lastEventId === undefined ? {} : { lastEventId }), queries: asked })
    return stream
  }

  delivered(stream: LiveStream, delivery: Delivery, isBatchEnd: boolean): void {
    for (const { query, at, changes } of delivery.events) {
      // Two streams may bring the same while one takes over from the other.
      const told = this.#told.get(query)
      if (told?.stream !== stream && told !== undefined && compareEntryIds(at, told.at) <= 0) continue
      this.#told.set(query, { at, stream })
      this.#host.happened(query, changes)
    }
    if (stream === this.#leader) {
      this.#show(stream)
      this.#host.shown(delivery.changed, isBatchEnd)
    } else if (isBatchEnd && this.#mayLead(stream)) this.#lead(stream)
    else this.#graft(stream, delivery, isBatchEnd)
  }

  queryRefused(_stream: LiveStream, query: QueryId, code: ErrorCode): void {
    this.#host.refused(query, code)
  }

  ended(stream: LiveStream, end: StreamEnd): void {
    if (stream !== this.#next || end.kind === 'auth-expired') return this.dispatch(end)
    if (end.kind === 'refused') {
      // What is open goes on; what was to be added is what the server does not want.
      for (const id of stream.ids) if (this.#current?.ids.has(id) !== true) this.#host.refused(id, end.code)
    }
    this.dispatch({ ...end, kind: 'next-lost' })
  }

  /** Not while it lacks, or is behind in, what the present leader shows; unless that lasts. */
  #mayLead(stream: LiveStream): boolean {
    if (stream.firstBatchAt === undefined) return false
    if (this.#leader === undefined) return true
    // No id passes what its stream has not delivered: one that is as far as ours has everything.
    const [reached, shownTo] = [lsnOf(stream.view.position), lsnOf(this.#shown.position)]
    if (reached !== undefined && shownTo !== undefined && reached >= shownTo) return true
    const isPatient = Date.now() - stream.firstBatchAt < this.#options.limits.catchUpMs
    for (const id of stream.ids) {
      const shown = this.view(id)
      if (!this.#leader.ids.has(id) || !shown.isReady || stream.failed.has(id)) continue
      const own = stream.view.queries.get(id)
      if (own?.isReady !== true) return false
      const hasMoved = shown.at !== undefined && shown.at !== stream.inherited.queries.get(id)?.at
      if (isPatient && hasMoved && (own.at === undefined || compareEntryIds(own.at, shown.at) < 0)) return this.#lookAgain(stream)
    }
    return true
  }

  /** A quiet stream brings no further batch for a while. */
  #lookAgain(stream: LiveStream): false {
    clearTimeout(this.#catchUpTimer)
    this.#catchUpTimer = setTimeout(() => {
      const isOurs = stream === this.#next || stream === this.#current
      if (isOurs && stream !== this.#leader && this.#mayLead(stream)) this.#lead(stream)
    }, this.#options.limits.catchUpMs)
    return false
  }

  #lead(stream: LiveStream): void {
    stream.share(this.#shown)
    const changed = new Set<QueryId>()
    for (const [id, view] of stream.view.queries) if (view !== this.#shown.queries.get(id)) changed.add(id)
    this.#leader = stream
    this.#show(stream)
    this.dispatch({ kind: stream === this.#next ? 'next-caught-up' : 'caught-up' })
    this.#host.shown(changed, true)
  }

  #show({ view, ids }: LiveStream): void {
    this.#shown = { queries: new Map([...this.#shown.queries, ...view.queries]), position: view.position }
    this.#continuable = ids
  }

  #graft(stream: LiveStream, delivery: Delivery, isBatchEnd: boolean): void {
    const changed = [...delivery.changed].filter((id) => {
      const isNew = this.#leader?.ids.has(id) !== true && (stream.grafted.has(id) || this.view(id).result === undefined)
      const view = stream.view.queries.get(id)
      if (!isNew || view === undefined) return false
      stream.grafted.add(id)
      this.seed(id, view)
      return true
    })
    if (changed.length > 0) this.#host.shown(new Set(changed), isBatchEnd)
  }
}

function lsnOf(position: string | undefined): Lsn | undefined {
  return position === undefined ? undefined : positionLsn(position)
}
