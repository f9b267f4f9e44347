import { compareEntryIds, positionLsn, type EntryId, type ErrorCode, type QueryId } from '@zenstack-live/protocol'
import type { Asked, Connection } from './connection.ts'
import { INITIAL_STATE, type ConnectionEvent, type ConnectionState, type StateKind } from './connection-machine.ts'
import type { ChangeEvent } from './connection-view.ts'
import { LiveStream, type LiveStreamOwner } from './live-stream.ts'
import { MachineRunner } from './machine-runner.ts'
import { pollQueries } from './poll-queries.ts'
import { refreshCredentials } from './refresh-credentials.ts'
import { shareView } from './share-view.ts'
import type { StreamEnd } from './stream-end.ts'

/**
 * Drives the state machine of a connection, and decides which stream's results are shown.
 * A stream leads when its first batch is whole and it has every query that its predecessor follows, not behind it; until then the
 * predecessor's results stay. A query that is still opening, or new, holds nobody up.
 */
export class ConnectionLife extends MachineRunner<LiveStream> implements LiveStreamOwner {
  /** The stream whose results are shown. */
  leader: LiveStream | undefined
  readonly #connection: Connection
  /** The last change of each `$changes` query that was told, and by whom. */
  readonly #told = new Map<QueryId, { at: EntryId; stream: LiveStream }>()
  #catchUpTimer: ReturnType<typeof setTimeout> | undefined

  /**
   * @param kind - where the connection stands
   * @param first - what was asked for before
   */
  constructor(connection: Connection, kind: StateKind, first: Asked | undefined) {
    super(connection.options, { ...INITIAL_STATE, kind })
    this.#connection = connection
    if (first !== undefined) this.streams.current = this.#read(first)
  }

  /** Whether what is wanted is what is open. */
  isServed(): boolean {
    const { next, current } = this.streams
    const wanted = this.#connection.host.wanted()
    const open = next ?? current
    const served = open === undefined ? [] : [...open.ids].filter((id) => !open.failed.has(id))
    return served.length === wanted.size && served.every((id) => wanted.has(id))
  }

  /** Whether a stream follows this query. */
  isFollowed(id: QueryId): boolean {
    const { leader } = this
    const { current, next } = this.streams
    return [leader?.ids, current?.grafted, next?.grafted].some((ids) => ids?.has(id)) && this.#connection.view(id).isReady
  }

  forget(id: QueryId): void {
    this.#told.delete(id)
  }

  forgetAll(): void {
    this.#told.clear()
    this.leader = undefined
  }

  delivered(stream: LiveStream, events?: readonly ChangeEvent[]): void {
    // Asked first: what arrives now may have been asked for by someone else, whose streams end here.
    this.#connection.host.scope()
    const { current, next } = this.streams
    if (stream !== current && stream !== next) return
    if (events !== undefined) this.#tell(stream, events)
    const standing = events === undefined || stream === this.leader ? undefined : this.#standingOf(stream)
    if (standing === 'behind' || standing === 'unsure') this.#waitFor(stream)
    if (standing === 'ready') this.#lead(stream)
    else this.#connection.host.shown(this.#show(stream), events !== undefined)
  }

  refused(query: QueryId, code: ErrorCode): void {
    this.#connection.host.refused(query, code)
    this.#connection.review()
  }

  ended(stream: LiveStream, end: StreamEnd): void {
    const { current, next } = this.streams
    if (stream !== next || end.kind === 'auth-expired') return this.dispatch(end)
    if (end.kind === 'refused') {
      // What is open goes on; what was to be added is what the server does not want.
      for (const id of stream.ids) if (current?.ids.has(id) !== true) this.#connection.host.refused(id, end.code)
    }
    this.dispatch({ ...end, kind: 'next-lost' })
  }

  #read(asked: Asked): LiveStream {
    return new LiveStream(this.#connection.options.limits, this, asked)
  }

  #tell(stream: LiveStream, events: readonly ChangeEvent[]): void {
    for (const { query, at, changes } of events) {
      // Two streams may bring the same while one takes over from the other.
      const last = this.#told.get(query)
      if ((last?.stream !== stream && last !== undefined && compareEntryIds(at, last.at) <= 0) || !this.#connection.host.has(query)) continue
      this.#told.set(query, { at, stream })
      this.#connection.host.happened(query, changes)
    }
  }

  /**
   * Whether a stream whose first batch is whole may take over: not while it lacks what the present leader shows, nor while it is behind what is
   * shown, by whomever. `unsure`: it seems to be, but does not say how far it is.
   */
  #standingOf(stream: LiveStream): 'ready' | 'opening' | 'behind' | 'unsure' {
    const { leader } = this
    const { shown } = this.#connection
    // No id passes what its stream has not delivered: one that is as far as ours has everything.
    const [reached, shownTo] = [positionLsn(stream.view.position), positionLsn(shown.position)]
    const isSure = reached !== undefined && shownTo !== undefined
    if (isSure && reached >= shownTo) return 'ready'
    let isBehind = false
    for (const id of stream.ids) {
      const view = this.#connection.view(id)
      const own = stream.view.queries.get(id)
      if (!view.isReady || stream.failed.has(id)) continue
      if (leader?.ids.has(id) === true && own?.isReady !== true) return 'opening'
      const hasMoved = view.at !== undefined && view.at !== stream.inherited.queries.get(id)?.at
      if (hasMoved && (own?.isReady !== true || own.at === undefined || compareEntryIds(own.at, view.at) < 0)) isBehind = true
    }
    return !isBehind ? 'ready' : isSure ? 'behind' : 'unsure'
  }

  /**
   * Gives a stream that is behind until `catchUpMs` after its first batch. Then it takes over all the same, since a replay may leave out what was shown
   * last (a row that came and went); unless its position says that it is behind: nobody is taken back, so it is given up, and another one asked for
   * from where we are.
   */
  #waitFor(stream: LiveStream): void {
    clearTimeout(this.#catchUpTimer)
    const untilMs = (stream.firstBatchAt ?? 0) + this.#connection.options.limits.catchUpMs
    this.#catchUpTimer = setTimeout(
      () => {
        const { current, next } = this.streams
        if (stream === this.leader || (stream !== next && stream !== current)) return
        const standing = this.#standingOf(stream)
        if (standing === 'behind') stream.end()
        else if (standing !== 'opening') this.#lead(stream)
      },
      Math.max(0, untilMs - Date.now()),
    )
  }

  #lead(stream: LiveStream): void {
    const connection = this.#connection
    shareView(stream, connection.shown)
    this.leader = stream
    const changed = this.#show(stream)
    this.dispatch({ kind: stream === this.streams.next ? 'next-caught-up' : 'caught-up' })
    connection.host.shown(changed, true)
  }

  /** Shows what the stream brought: all of it if it leads, else what nobody shows yet. */
  #show(stream: LiveStream): ReadonlySet<QueryId> {
    const { leader } = this
    const connection = this.#connection
    const { shown } = connection
    const queries = new Map(shown.queries)
    const changed = new Set<QueryId>()
    for (const [id, view] of stream.view.queries) {
      const before = queries.get(id)
      // A stream goes on with what was dropped until its successor leads.
      if (view === before || !connection.host.has(id)) continue
      if (stream !== leader) {
        if (leader?.ids.has(id) === true || (before?.result !== undefined && !stream.grafted.has(id))) continue
        stream.grafted.add(id)
        // The position shown is that of another stream, which may be far ahead of this one.
        connection.continuable = new Set([...connection.continuable].filter((one) => one !== id))
      }
      queries.set(id, view)
      changed.add(id)
    }
    connection.shown = { queries, position: stream === leader ? stream.view.position : shown.position }
    if (stream === leader) connection.continuable = stream.ids
    return changed
  }

  protected override hasDemand(): boolean {
    return this.#connection.host.wanted().size > 0
  }

  protected override open(): LiveStream {
    return this.#read(this.#connection.ask())
  }

  protected override onReplace(): void {
    if (this.leader === this.streams.current) this.leader = undefined
  }

  protected override refresh(): Promise<ConnectionEvent> {
    return refreshCredentials(this.#connection.options)
  }

  protected override poll(signal: AbortSignal): Promise<ConnectionEvent> {
    return pollQueries(this.#connection, signal)
  }

  protected override onStep(before: ConnectionState, event: ConnectionEvent): void {
    const { kind } = this
    if (this.streams.current === undefined) clearTimeout(this.#catchUpTimer)
    if (kind !== before.kind) this.#connection.host.moved()
    if (kind === 'live' && before.kind !== 'live' && event.kind !== 'next-lost') this.#connection.review()
  }
}
