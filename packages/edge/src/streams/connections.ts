import { CHANGES_SEGMENT, queryId, queryText, type Lsn, type QueryId, type WireQuery } from '@zenstack-live/protocol'
import { planChanges } from '../queries/changes/changes-plan.ts'
import { Connection, type ConnectionHost } from './connection.ts'
import type { EdgeContext } from '../edge-context.ts'
import { observe } from '../operations/histogram.ts'
import { nameOf, queryScope, type Identity } from '../identity/identity.ts'
import type { SettledIdentity } from '../identity/identity-changes.ts'
import { LiveQueries } from '../queries/live-queries.ts'
import type { LiveQuery } from '../queries/live-query.ts'
import { countIn } from '../operations/metrics.ts'
import { IdMover } from './id-mover.ts'
import type { LiveRequest } from '../requests/parse-live-request.ts'
import { parsePosition, type Place } from '../log/place.ts'
import { planQuery } from '../queries/plan-query.ts'
import type { QueryReader, Resume } from './reader.ts'
import type { Sink } from './sink.ts'
import { drainSpanMs, spreadOver } from './spread-over.ts'
import { streamResponse, type NodeSide } from './stream-response.ts'
import { ORDERS, parseTicket, type Ticket } from './ticket.ts'
import { wallClock } from '../operations/tracing.ts'
import type { Transaction } from '../log/transaction.ts'
import type { Octets } from './octets.ts'
import { turnAway, turnAwayAt } from '../requests/turn-away.ts'
import type { Visitor } from '../identity/visitors.ts'

export interface OpenRequest {
  live: LiveRequest
  settled: SettledIdentity
  visitor: Visitor
  node: NodeSide | undefined
}

/** Of all connections, those that only who goes on from a position is given. */
const SHARE_FOR_RETURNING = 1 / 20

/** All streams of this process. */
export class Connections {
  readonly #context: EdgeContext
  readonly #queries: LiveQueries
  readonly #all = new Set<Connection>()
  /** By the key of the auth model's row. */
  readonly #byAuthKey = new Map<string, Set<Connection>>()
  readonly #host: ConnectionHost
  #dirty: Connection[] = []
  /** The block that was pushed last, alone. */
  #newest: Octets[] = []
  /** When the transactions of the present batch were committed. */
  #batch: number[] = []
  #isFlushPlanned = false
  /** Made once: a function whose closure holds `this` or a parameter makes a scope at each call, and this is asked for at each delivery. */
  readonly #flushNow = (): void => this.#flushAll()
  #isDraining = false
  readonly #idMover: IdMover

  constructor(context: EdgeContext) {
    this.#context = context
    this.#queries = new LiveQueries(context)
    this.#idMover = new IdMover(this.#all, context.hub)
    this.#noteHistory()
    context.hub.listen({
      onTransaction: (transaction) => {
        const { metrics, tracing } = context
        const startedMs = performance.now()
        const concernedBefore = metrics.queriesConcerned
        metrics.transactions++
        tracing?.begin(transaction, performance.timeOrigin + startedMs)
        this.#doubtIdentities(transaction)
        this.#queries.onTransaction(transaction)
        observe(metrics.decideSeconds, (performance.now() - startedMs) / 1000)
        tracing?.decided(transaction, performance.timeOrigin + startedMs, metrics.queriesConcerned - concernedBefore)
        if (transaction.committedAtMs > 0) this.#batch.push(transaction.committedAtMs)
      },
      onBatchEnd: () => {
        const startedMs = wallClock()
        this.#flushAll()
        context.tracing?.written(startedMs)
        const nowMs = Date.now()
        // Clocks of two machines may differ.
        for (const committedAtMs of this.#batch) observe(context.metrics.commitToSocketSeconds, Math.max(0, nowMs - committedAtMs) / 1000)
        this.#batch = []
      },
      onReset: (reason) => {
        context.identityChanges.onReset()
        this.#noteHistory()
        // What was missed may have made anybody another.
        for (const connection of this.#all) connection.onReset()
        this.#idMover.onReset()
        this.#queries.onReset(reason)
      },
    })
    this.#host = {
      context,
      begin: (reader, identity, resume) => this.#begin(reader, identity, resume),
      listOf: (block) => (this.#newest[0] === block ? this.#newest : (this.#newest = [block])),
      onDirty: (connection) => this.#planFlush(connection),
      onIdentity: (connection, previous) => {
        this.#unfile(connection, previous.authKey)
        this.#file(connection, connection.identity.authKey)
      },
      onClosed: (connection) => this.#forget(connection),
    }
  }

  /** @param isReturning - it goes on from a position: that asks the database for little, and waits for nobody's first answer */
  hasRoom(isReturning: boolean): boolean {
    const { limits, metrics } = this.#context
    const { maxConnections } = limits
    if (this.#isDraining) return false
    if (isReturning) return metrics.connectionsNow < maxConnections
    return metrics.connectionsNow < maxConnections - Math.floor(maxConnections * SHARE_FOR_RETURNING) && this.hasRoomForQuestions
  }

  /** Where nobody in particular asks, only the limits for all hold: strangers would lock each other out. @param queries - that come with the stream */
  hasRoomFor(identity: Identity, queries: number): boolean {
    if (identity.authKey === undefined || this.#isWithin(identity.authKey, queries)) return true
    countIn(this.#context.metrics.refusals, 'overloaded')
    this.#context.logger.warn('Somebody has as many streams or queries open as one may; another was sent away.', { identity: nameOf(identity) })
    return false
  }

  /** Whether one more may ask the database, who has not been answered yet. */
  get hasRoomForQuestions(): boolean {
    const { limits, metrics } = this.#context
    return metrics.questionsWaitingNow <= limits.maxWaitingQuestions
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  turnAway(): Response {
    return turnAway(this.#reason)
  }

  /** The same where the head of the answer was written already. */
  turnAwayAt(sink: Sink): void {
    turnAwayAt(sink, this.#reason)
  }

  /** @throws {LiveError} when the one query of a `GET` cannot be live: there a status says it */
  open(request: OpenRequest): Response {
    const { live, settled, node } = request
    const place = this.#placeOf(request)
    // Who asks was being found out, and meanwhile others came, or the end. So it is again when the head is written.
    const isAdmitted = (): boolean => this.hasRoom(place !== undefined) && this.hasRoomFor(settled.identity, live.queries.length)
    if (!isAdmitted()) return this.turnAway()
    const [only] = live.queries
    if (live.kind === 'stream-one' && only !== undefined) this.#obtainable(settled.identity, only)
    return streamResponse({
      node,
      chunks: this.#context.chunks,
      start: (sink, listen) => (isAdmitted() ? listen(this.#start(request, place, sink)) : this.turnAwayAt(sink)),
    })
  }

  refreshIdentity(id: string): void {
    for (const connection of this.#byAuthKey.get(id) ?? []) connection.doubt(this.#context.hub.history.head)
  }

  /** Somebody waits for the log to pass a place, on whichever stream of theirs. */
  moveIdsAfter(lsn: Lsn): void {
    this.#idMover.after(lsn)
  }

  /** Ends all streams, spread over time so that they do not come back at once. */
  async drain(): Promise<void> {
    this.#isDraining = true
    const leaving = [...this.#all]
    await spreadOver(
      leaving,
      drainSpanMs(leaving.length, this.#context.limits),
      (connection) => connection.leave(),
      (connection) => this.#all.has(connection),
    )
  }

  close(): void {
    this.#isDraining = true
    this.#idMover.close()
    for (const connection of this.#all) connection.leave()
  }

  #isWithin(authKey: string, more: number): boolean {
    const { limits, tally } = this.#context
    if (tally.of(authKey) >= limits.maxConnectionsPerIdentity) return false
    let queries = more
    for (const connection of this.#byAuthKey.get(authKey) ?? []) queries += connection.queryCount
    return queries <= limits.maxQueriesPerIdentity
  }

  /** Where it goes on from; `undefined` where what it came with is nothing, or worth nothing here. */
  #placeOf({ live, settled }: OpenRequest): Place | undefined {
    if (live.lastEventId === undefined) return undefined
    const { keys, hub } = this.#context
    return parsePosition(keys, hub.log, this.#scopesOf(live, settled.identity), live.lastEventId)
  }

  /** A connection's ids are bound to the identity; those of a JSON read, and of a connection with one query, to the query as well. Each is signed when it is its turn. */
  *#scopesOf(live: LiveRequest, identity: Identity): Generator<string> {
    if (live.kind !== 'stream-one') yield identity.fingerprint
    for (const wire of live.queries) for (const order of ORDERS) yield queryScope(this.#context.keys, identity, queryText(wire), order)
  }

  get #reason(): 'drain' | 'overloaded' {
    return this.#isDraining ? 'drain' : 'overloaded'
  }

  #start(request: OpenRequest, place: Place | undefined, sink: Sink): Connection {
    const { live } = request
    const { identity } = request.settled
    const { hub, metrics, identityChanges } = this.#context
    const wires = new Map<QueryId, WireQuery>(live.queries.map((wire) => [queryId(wire), wire]))
    const [only] = live.kind === 'stream-one' ? live.queries : []
    const connection = new Connection({
      host: this.#host,
      sink,
      identity,
      onlyQuery: only === undefined ? undefined : queryText(only),
      resumedAt: place === undefined ? undefined : live.lastEventId,
      visitor: request.visitor,
    })
    this.#all.add(connection)
    this.#context.wheel.add(connection)
    this.#file(connection, identity.authKey)
    metrics.connectionsNow++
    metrics.connectionsOpened++
    for (const [q, wire] of wires) connection.add(q, wire, this.#resumeOf(request, wire, place))
    // Between the answer of `getClient` and now.
    if (identityChanges.isOutdated(request.settled)) connection.onIdentityChange(hub.history.head)
    return connection
  }

  /** @throws {LiveError} when it cannot be live */
  #obtainable(identity: Identity, wire: WireQuery): () => LiveQuery {
    if (wire.operation === CHANGES_SEGMENT) {
      const plan = planChanges(this.#context, identity, wire)
      return () => this.#queries.obtainChanges(plan, identity)
    }
    const planned = planQuery(this.#context, identity, wire)
    return () => this.#queries.obtain(planned, identity)
  }

  #begin(reader: QueryReader, identity: Identity, resume: Resume | undefined): LiveQuery {
    const live = this.#obtainable(identity, reader.wire)()
    if (resume === undefined) live.open(reader)
    else {
      this.#context.metrics.resumes++
      live.resume(reader, resume.ticket, resume.from)
    }
    return live
  }

  /** What a query goes on from; `worthless` is what it came with. */
  #resumeOf({ live, settled }: OpenRequest, wire: WireQuery, place: Place | undefined): Resume | 'worthless' | undefined {
    if (live.lastEventId === undefined) return undefined
    const { keys } = this.#context
    const scopeOf = (order?: string): string => queryScope(keys, settled.identity, queryText(wire), order)
    let ticket: Ticket | undefined
    if (live.kind === 'stream-one') {
      // On GET the position itself is bound to the query; its ids only ever left behind the horizon.
      const order = place === undefined ? undefined : ORDERS.find((each) => live.lastEventId?.endsWith(`.${scopeOf(each)}`) === true)
      if (place !== undefined && order !== undefined) ticket = { scope: scopeOf(), entry: place.entry, horizon: place.lsn, follows: '', order }
    } else if (wire.ticket !== undefined) ticket = parseTicket(keys, scopeOf(), wire.ticket)
    if (place !== undefined && ticket !== undefined) return { ticket, from: place }
    return live.kind === 'stream-one' || wire.ticket !== undefined ? 'worthless' : undefined
  }

  /** What was read before anybody was told is followed by what makes somebody what they were. */
  #noteHistory(): void {
    const { hub, identityChanges } = this.#context
    for (const transaction of hub.history.after(hub.history.start.entry) ?? []) identityChanges.note(transaction)
  }

  /** Whoever the transaction may have made another is held before anything of it is given to them. */
  #doubtIdentities(transaction: Transaction): void {
    const keys = this.#context.identityChanges.note(transaction)
    if (keys === 'all') for (const connection of this.#all) connection.onIdentityChange(transaction.before)
    else for (const key of keys) for (const connection of this.#byAuthKey.get(key) ?? []) connection.onIdentityChange(transaction.before)
  }

  #planFlush(connection: Connection): void {
    if (connection.isPlanned) return
    connection.isPlanned = true
    this.#dirty.push(connection)
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    setImmediate(this.#flushNow)
  }

  #flushAll(): void {
    this.#isFlushPlanned = false
    // Writing may make others dirty; they are written in the same turn.
    for (let index = 0; index < this.#dirty.length; index++) {
      const connection = this.#dirty[index]
      if (connection === undefined) continue
      connection.isPlanned = false
      connection.flush()
    }
    this.#dirty = []
    this.#newest = []
    this.#context.chunks.forget()
  }

  #forget(connection: Connection): void {
    this.#all.delete(connection)
    this.#context.wheel.delete(connection)
    this.#unfile(connection, connection.identity.authKey)
    this.#context.metrics.connectionsNow--
  }

  #file(connection: Connection, key: string | undefined): void {
    if (key === undefined) return
    this.#context.tally.add(key)
    const connections = this.#byAuthKey.get(key)
    if (connections === undefined) this.#byAuthKey.set(key, new Set([connection]))
    else connections.add(connection)
  }

  #unfile(connection: Connection, key: string | undefined): void {
    this.#context.tally.take(key)
    const connections = key === undefined ? undefined : this.#byAuthKey.get(key)
    connections?.delete(connection)
    if (key !== undefined && connections?.size === 0) this.#byAuthKey.delete(key)
  }
}
