import { compareEntryIds, ERROR_CODES, errorCodeOf, type LiveError, type Lsn, type QueryId, type WireQuery } from '@zenstack-live/protocol'
import { ConnectionLife, type Living } from './connection-life.ts'
import type { ConnectionEvent } from './connection-phase.ts'
import type { EdgeContext } from '../edge-context.ts'
import { idBlockOf, NO_ID, type IdBlock } from './id-block.ts'
import { nameOf, queryScope, type Identity } from '../identity/identity.ts'
import type { SettledIdentity } from '../identity/identity-changes.ts'
import type { LiveQuery } from '../queries/live-query.ts'
import type { PgSnapshot } from '../database/pg-snapshot.ts'
import type { Place } from '../log/place.ts'
import type { Transaction } from '../log/transaction.ts'
import { QueryReader, type ReaderHost, type Resume } from './reader.ts'
import type { Sink, SinkEvents } from './sink.ts'
import type { Visitor } from '../identity/visitors.ts'
import { octetsOf, type Octets } from './octets.ts'
import { countIn } from '../operations/metrics.ts'

/** What all connections of a process share. */
export interface ConnectionHost {
  readonly context: EdgeContext
  /** Finds what keeps a query live for an identity, and opens or resumes it. @throws {LiveError} when it cannot be live */
  begin(reader: QueryReader, identity: Identity, resume: Resume | undefined): LiveQuery
  /** A list of the one block, for all who write only that: nearly all do, and the same one. */
  listOf(block: Octets): Octets[]
  /** Something was pushed, or the id may move: write at the end of this turn. */
  onDirty(connection: Connection): void
  onIdentity(connection: Connection, previous: Identity): void
  onClosed(connection: Connection): void
}

export interface ConnectionOptions {
  host: ConnectionHost
  sink: Sink
  identity: Identity
  /** The query that positions are bound to as well: of a connection that has only this one. */
  onlyQuery: string | undefined
  /** Where it resumes: the id it repeats until it may send a newer one. */
  resumedAt: string | undefined
  visitor: Visitor
}

/** Never pushed to: most connections have nothing to write most of the time. */
const NOTHING: Octets[] = []

/**
 * One stream to one client, with all its queries. Thousands are idle at a time, so it holds no closures. What a write looks
 * at comes first: a change may concern them all, and to fetch each of them from memory is most of what a delivery costs us.
 */
export class Connection implements ReaderHost, SinkEvents, Living<SettledIdentity>, IdBlock {
  /** Whether its flush is planned: kept by whoever flushes. */
  isPlanned = false
  /** Nothing is written any more: also said here, so that what is pushed need not look at its life. */
  #isOver = false
  /** What was pushed. A list of none or of one is others' as well: it is never added to. */
  #pending: Octets[] = NOTHING
  readonly #host: ConnectionHost
  readonly #life: ConnectionLife<SettledIdentity>
  #heldFrom: Place | undefined
  /** Each query is, or would be if it were not held, where the log is, until one of them says that it waits. */
  #areAllAtHead = false
  /** No id is sent before the log has passed what the snapshots of this connection show. */
  #horizon: Lsn | undefined
  readonly sink: Sink
  /** The id that was sent last: the one it resumed with, or nothing, until it reached a place. */
  idHead: Octets
  idScope: Octets
  /** What positions are bound to. Signed once per identity: per write it was over a third of what a delivery costs. */
  #scope: Octets
  #identity: Identity
  /** Replaced where one is added: an array that grew by itself has room for sixteen more. */
  #readers: readonly QueryReader[] = []
  readonly #visitor: Visitor
  /** Text of the query that positions are bound to. */
  readonly #onlyQuery: string | undefined
  /** How places of its rows are told; `undefined` before it is ready. */
  #order: string | undefined
  #cancelHorizon: (() => void) | undefined
  /** How often the row behind its identity changed since that was last known. */
  #changes = 0
  /** The log has come to where whoever it belongs to became who they are. */
  #isKnown = false
  /** The log began anew, and may be behind what they were known by. */
  #isLogNews = false
  #known: Promise<void> | undefined

  constructor({ host, sink, identity, onlyQuery, resumedAt, visitor }: ConnectionOptions) {
    this.#host = host
    this.sink = sink
    this.#identity = identity
    this.#onlyQuery = onlyQuery
    this.#visitor = visitor
    this.#scope = this.#scopeOfIds()
    ;({ idHead: this.idHead, idScope: this.idScope } = resumedAt === undefined ? NO_ID : idBlockOf(resumedAt))
    this.#life = new ConnectionLife(this)
  }

  get context(): EdgeContext {
    return this.#host.context
  }

  get identity(): Identity {
    return this.#identity
  }

  get queryCount(): number {
    return this.#readers.length
  }

  get isHeld(): boolean {
    return this.#heldFrom !== undefined
  }

  /** Opens a query, or goes on with it. */
  add(q: QueryId, wire: WireQuery, resume: Resume | 'worthless' | undefined): void {
    const reader = new QueryReader(this, q, wire)
    this.#readers = [...this.#readers, reader]
    reader.open(resume)
  }

  /**
   * What a query waits for before it begins: else it would be given what others were told, or what the log tells next, of a time before they became
   * who they are. Also where it goes on from a position, which does not say who came with it there.
   */
  untilKnown(): Promise<void> | undefined {
    const { identityChanges } = this.context
    if (this.#isKnown || !identityChanges.mayBeAhead(this.#identity)) return undefined
    this.#known ??= identityChanges
      .logIsThere()
      .then(
        () => void (this.#isKnown = true),
        (error: unknown) => this.#sendAway(error),
      )
      .finally(() => (this.#known = undefined))
    return this.#known
  }

  /** The log does not come to where they became who they are. What goes on elsewhere is not to end for it, so it is the stream that ends. */
  #sendAway(error: unknown): never {
    const { metrics, logger } = this.context
    const code = errorCodeOf(error)
    if (!this.#life.isClosed) {
      countIn(metrics.refusals, code)
      logger.warn('A stream was sent away: the log is behind.', { identity: nameOf(this.#identity), code, error: String(error) })
    }
    this.#life.retire('overloaded')
    throw error
  }

  begin(reader: QueryReader, resume: Resume | undefined): LiveQuery {
    return this.#host.begin(reader, this.#identity, resume)
  }

  scopeOf(queryText: string): string {
    return queryScope(this.context.keys, this.#identity, queryText)
  }

  mayTake(snapshot: PgSnapshot): boolean {
    const { guards, identityChanges } = this.context
    return !guards.holdsAnswers || identityChanges.areShownBy(snapshot, this.#identity)
  }

  wasAnother(transactions: readonly Transaction[]): boolean {
    return this.context.identityChanges.wasAnother(transactions, this.#identity)
  }

  push(block: Octets): void {
    if (this.#isOver) return
    const pending = this.#pending
    if (pending.length === 0) this.#pending = this.#host.listOf(block)
    else if (pending.length === 1) this.#pending = [...pending, block]
    else pending.push(block)
    this.#host.onDirty(this)
  }

  onWait(): void {
    this.#areAllAtHead = false
  }

  onReady(horizon: Lsn, order: string): void {
    const { hub, nudge } = this.context
    this.#bindIds(order)
    if (this.#horizon === undefined || horizon > this.#horizon) this.#horizon = horizon
    if (hub.history.head.lsn >= this.#horizon) return
    nudge()
    this.#cancelHorizon?.()
    this.#cancelHorizon = hub.whenPassed(this.#horizon, () => {
      this.#cancelHorizon = undefined
      for (const reader of this.#readers) reader.forgetSeen()
      this.#write(true)
    })
  }

  onFailed(error: LiveError): void {
    // One of several is asked for again by the client, alone; the others go on.
    if (!ERROR_CODES[errorCodeOf(error)].isRetryable || this.#onlyQuery === undefined) return
    // `EventSource` comes back after a while, and may fare better.
    setImmediate(() => this.#life.retire('overloaded'))
  }

  onFull(): void {
    this.#life.dispatch('full')
  }

  onRoom(): void {
    this.#life.dispatch('drained')
  }

  onGone(): void {
    this.#life.dispatch('gone')
  }

  /** Does what is due by time. */
  onTick(nowMs: number): void {
    this.#life.tick(nowMs)
  }

  /** The process is going away. */
  leave(): void {
    this.#life.retire('drain')
  }

  /** Holds everything from a point on, until `getClient` has said who this is now. */
  doubt(from: Place): void {
    this.#heldFrom ??= from
    this.#life.doubt()
  }

  /** The row behind its identity is another now. */
  onIdentityChange(from: Place): void {
    this.#changes++
    this.doubt(from)
  }

  /** Continuity ended: a log that begins anew may never come to a place of the one before. */
  onReset(): void {
    this.#cancelHorizon?.()
    this.#cancelHorizon = undefined
    this.#horizon = undefined
    this.#isLogNews = true
    this.onIdentityChange(this.context.hub.history.head)
  }

  /** Writes what has been pushed, and moves the reader's id as far as it may go. */
  flush(): void {
    this.#write(false)
  }

  /** Writes the id if it has moved. */
  moveId(): void {
    const place = this.#reached()
    if (place !== undefined && this.context.idHead(place) !== this.idHead) this.#write(true)
  }

  get expiresAtMs(): number | undefined {
    return this.#visitor.expiresAtMs
  }

  identify(): Promise<SettledIdentity> {
    return this.#visitor.settle('stream', this.#isLogNews ? undefined : this.#identity)
  }

  isOutdated(settled: SettledIdentity): boolean {
    return this.context.identityChanges.isOutdated(settled)
  }

  settle({ identity: next }: SettledIdentity): ConnectionEvent {
    const changes = this.#changes
    this.#changes = 0
    this.#isLogNews = false
    const previous = this.#identity
    this.#identity = next
    // Policies may read less of a person than who it is.
    if (next.authKey !== previous.authKey) this.#host.onIdentity(this, previous)
    // Between two changes it may have been another, and what was answered then was never for it.
    if (next.key === previous.key) return changes > 1 ? 'other-identity' : 'same-identity'
    this.#isKnown = true
    this.#order = undefined
    this.#scope = this.#scopeOfIds()
    ;({ idHead: this.idHead, idScope: this.idScope } = NO_ID)
    return 'other-identity'
  }

  act(action: 'hold' | 'release' | 'reopen'): void {
    switch (action) {
      case 'hold':
        this.#heldFrom ??= this.context.hub.history.head
        for (const reader of this.#readers) reader.hold()
        return
      case 'release':
        return this.#release()
      case 'reopen':
        // While its socket takes nothing, what it begins with is kept, and what follows is not.
        this.#heldFrom = this.#life.isFlowing ? undefined : this.context.hub.history.head
        // What was opened or replayed while it was in doubt was made for the one it no longer is.
        this.#pending = NOTHING
        for (const reader of this.#readers) reader.reopen('identity')
    }
  }

  sayLast(blocks: readonly Octets[]): void {
    // What is held is not written: the position before it is repeated. What is written is not told again to who comes back.
    const pending = this.#life.isFlowing ? this.#pending : NOTHING
    this.#pending = NOTHING
    if (this.#life.isFlowing) this.#moveId()
    this.sink.write([...pending, ...blocks], this)
  }

  beat(): void {
    this.#write(true)
  }

  onClosed(): void {
    this.#isOver = true
    this.#cancelHorizon?.()
    this.#pending = NOTHING
    const readers = this.#readers
    this.#readers = []
    for (const reader of readers) reader.close()
    this.#host.onClosed(this)
  }

  /** The furthest point all queries have reached; `undefined` while one of them is not there yet. */
  #reached(): Place | undefined {
    const { hub, guards } = this.context
    let place = this.#heldFrom ?? hub.history.head
    if (this.#horizon !== undefined) {
      if (guards.holdsIds && place.lsn < this.#horizon) return undefined
      if (place === hub.history.head) this.#horizon = undefined
    }
    if (this.#areAllAtHead) return place
    let areAllAtHead = true
    for (const { state, live } of this.#readers) {
      if (state === 'opening') return undefined
      if (live?.mayBeBehind !== true) continue
      areAllAtHead = false
      if (live.behind !== undefined && compareEntryIds(live.behind.entry, place.entry) < 0) place = live.behind
    }
    this.#areAllAtHead = areAllAtHead
    return place
  }

  #write(isIdWanted: boolean): void {
    if (!this.#life.isFlowing || (this.#pending.length === 0 && !isIdWanted)) return
    const { metrics } = this.context
    this.#moveId()
    // Each write ends in an id, moved or repeated: the client applies what came before it at once.
    const parts = this.#pending
    this.#pending = NOTHING
    this.#life.wrote()
    metrics.framesSent += parts.length
    for (const part of parts) metrics.bytesSent += part.length
    if (!this.sink.write(parts, this)) this.#life.dispatch('full')
  }

  #moveId(): void {
    const place = this.#reached()
    if (place === undefined) return
    this.idHead = this.context.idHead(place)
    this.idScope = this.#scope
  }

  /** An id of before would let the only query go on as if what is held now were placed as it was then. */
  #bindIds(order: string): void {
    if (this.#onlyQuery === undefined || order === this.#order) return
    if (this.#order !== undefined) ({ idHead: this.idHead, idScope: this.idScope } = NO_ID)
    this.#order = order
    this.#scope = this.#scopeOfIds()
  }

  /** The identity and, where there is but one, the query with the order of its rows. */
  #scopeOfIds(): Octets {
    const text = this.#onlyQuery
    return octetsOf(text === undefined ? this.#identity.fingerprint : queryScope(this.context.keys, this.#identity, text, this.#order))
  }

  #release(): void {
    const from = this.#heldFrom
    this.#heldFrom = undefined
    if (from !== undefined) for (const reader of this.#readers) reader.release(from)
    // Behind a change of the row of whom it belongs to: who comes back from before it begins anew.
    this.moveId()
    this.#host.onDirty(this)
  }
}
