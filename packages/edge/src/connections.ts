import { CHANGES_SEGMENT, queryId, queryText, type QueryId, type WireQuery } from '@zenstack-live/protocol'
import { planChanges } from './changes-plan.ts'
import { Connection } from './connection.ts'
import type { EdgeContext } from './edge-context.ts'
import { queryScope, type Identity } from './identity.ts'
import type { SettledIdentity } from './identity-changes.ts'
import { LiveQueries } from './live-queries.ts'
import type { LiveQuery } from './live-query.ts'
import type { LiveRequest } from './parse-live-request.ts'
import { parsePosition, type Place } from './place.ts'
import { planQuery } from './plan-query.ts'
import type { QueryReader } from './reader.ts'
import type { Sink } from './sink.ts'
import { streamResponse, type NodeSide } from './stream-response.ts'
import { parseTicket, type Ticket } from './ticket.ts'
import type { Transaction } from './transaction.ts'
import { turnAway } from './turn-away.ts'

export interface OpenRequest {
  live: LiveRequest
  settled: SettledIdentity
  /** Asks `getClient` again. */
  identify(): Promise<Identity>
  node: NodeSide | undefined
}

interface Resume {
  ticket: Ticket
  from: Place
}

const MOVE_IDS_EVERY_MS = 250
/** Streams that drain end this far apart, where there is time for it. */
const DRAIN_STEP_MS = 20
const DRAIN_SHARE = 0.8

/** All streams of this process. */
export class Connections {
  readonly #context: EdgeContext
  readonly #queries: LiveQueries
  readonly #all = new Set<Connection>()
  /** By the key of the auth model's row. */
  readonly #byAuthKey = new Map<string, Set<Connection>>()
  readonly #dirty = new Set<Connection>()
  #isFlushPlanned = false
  #isDraining = false
  #movedIdsAtMs = 0
  #movingIds: NodeJS.Timeout | undefined

  constructor(context: EdgeContext) {
    this.#context = context
    this.#queries = new LiveQueries(context)
    context.hub.listen({
      onTransaction: (transaction) => {
        context.metrics.transactions++
        this.#doubtIdentities(transaction)
        this.#queries.onTransaction(transaction)
      },
      onBatchEnd: () => this.#flushAll(),
      onReset: (reason) => this.#queries.onReset(reason),
    })
  }

  get hasRoom(): boolean {
    return !this.#isDraining && this.#all.size < this.#context.limits.maxConnections
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  turnAway(): Response {
    return turnAway(this.#isDraining ? 'drain' : 'overloaded')
  }

  /** @throws {LiveError} when the one query of a `GET` cannot be live: there a status says it */
  open(request: OpenRequest): Response {
    // Who asks was being found out, and meanwhile others came, or the end.
    if (!this.hasRoom) return this.turnAway()
    const [only] = request.live.queries
    if (request.live.kind === 'stream-one' && only !== undefined) this.#obtainable(request.settled.identity, only)
    return streamResponse(request.node, (sink, listen) => {
      const connection = this.#start(request, sink)
      listen({ onRoom: () => connection.dispatch('drained'), onGone: () => connection.dispatch('gone') })
    })
  }

  refreshIdentity(id: string): void {
    for (const connection of this.#byAuthKey.get(id) ?? []) connection.doubt(this.#context.hub.history.head)
  }

  /** Lets quiet streams know how far the log has come: someone waits for a write of theirs. */
  moveIdsSoon(): void {
    if (this.#movingIds !== undefined) return
    const pause = Math.max(0, this.#movedIdsAtMs + MOVE_IDS_EVERY_MS - performance.now())
    this.#movingIds = setTimeout(() => {
      this.#movingIds = undefined
      this.#movedIdsAtMs = performance.now()
      for (const connection of this.#all) connection.moveId()
    }, pause)
  }

  /** Ends all streams, spread over time so that they do not come back at once. */
  async drain(): Promise<void> {
    this.#isDraining = true
    const leaving = [...this.#all]
    const step = Math.min(DRAIN_STEP_MS, (this.#context.limits.drainDeadlineMs * DRAIN_SHARE) / Math.max(1, leaving.length))
    for (const connection of leaving) {
      connection.dispatch('retire')
      if (this.#all.size > 0) await new Promise((resolve) => setTimeout(resolve, step))
    }
  }

  close(): void {
    this.#isDraining = true
    clearTimeout(this.#movingIds)
    for (const connection of this.#all) connection.dispatch('retire')
  }

  #start(request: OpenRequest, sink: Sink): Connection {
    const { live } = request
    const { identity } = request.settled
    const { keys, hub, metrics, identityChanges } = this.#context
    const wires = new Map<QueryId, WireQuery>(live.queries.map((wire) => [queryId(wire), wire]))
    const [only] = live.kind === 'stream-one' ? live.queries : []
    const scopeOf = (of: Identity): string => (only === undefined ? of.fingerprint : queryScope(keys, of, queryText(only)))
    // A connection's ids are bound to the identity; those of a JSON read, and of a connection with one query, to the query as well.
    const scopes = [...(only === undefined ? [identity.fingerprint] : []), ...live.queries.map((wire) => queryScope(keys, identity, queryText(wire)))]
    const place = live.lastEventId === undefined ? undefined : parsePosition(keys, hub.log, scopes, live.lastEventId)
    const connection = new Connection({
      context: this.#context,
      sink,
      identity,
      scopeOf,
      textOf: (q) => queryText(wires.get(q) ?? { model: '', operation: 'findMany' }),
      resumedAt: place === undefined ? '' : (live.lastEventId ?? ''),
      identify: () => request.identify(),
      onDirty: (dirty) => this.#planFlush(dirty),
      onIdentity: (changed, previous) => {
        this.#unfile(changed, previous.authKey)
        this.#file(changed, changed.identity.authKey)
      },
      onClosed: (closed) => this.#forget(closed),
    })
    this.#all.add(connection)
    this.#file(connection, identity.authKey)
    metrics.connectionsNow++
    metrics.connectionsOpened++
    for (const [q, wire] of wires) {
      connection.add(q, (reader, isFirst) =>
        this.#begin(reader, connection.identity, wire, isFirst ? this.#resumeOf(reader, request, wire, place) : undefined),
      )
    }
    if (wires.size === 0) this.#planFlush(connection)
    // Between the answer of `getClient` and now.
    if (identityChanges.isOutdated(request.settled)) connection.doubt(hub.history.head)
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

  #begin(reader: QueryReader, identity: Identity, wire: WireQuery, resume: Resume | undefined): LiveQuery {
    const live = this.#obtainable(identity, wire)()
    if (resume === undefined) live.open(reader)
    else {
      this.#context.metrics.resumes++
      live.resume(reader, resume.ticket, resume.from)
    }
    return live
  }

  /** What a query goes on from. What it came with and is worth nothing here is answered with a reset. */
  #resumeOf(reader: QueryReader, { live, settled }: OpenRequest, wire: WireQuery, place: Place | undefined): Resume | undefined {
    if (live.lastEventId === undefined) return undefined
    const scope = queryScope(this.#context.keys, settled.identity, queryText(wire))
    // On GET the position itself is bound to the query; its ids only ever left behind the horizon.
    const ofPosition = place === undefined ? undefined : { scope, entry: place.entry, horizon: place.lsn, follows: '' }
    const ofTicket = wire.ticket === undefined ? undefined : parseTicket(this.#context.keys, scope, wire.ticket)
    const ticket = live.kind === 'stream-one' ? ofPosition : ofTicket
    if (place !== undefined && ticket !== undefined) return { ticket, from: place }
    if (live.kind === 'stream-one' || wire.ticket !== undefined) reader.reset('position')
    return undefined
  }

  /** Whoever the transaction may have made another is held before anything of it is given to them. */
  #doubtIdentities(transaction: Transaction): void {
    const keys = this.#context.identityChanges.note(transaction)
    if (keys === 'all') for (const connection of this.#all) connection.doubt(transaction.before)
    else for (const key of keys) for (const connection of this.#byAuthKey.get(key) ?? []) connection.doubt(transaction.before)
  }

  #planFlush(connection: Connection): void {
    this.#dirty.add(connection)
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    setImmediate(() => this.#flushAll())
  }

  #flushAll(): void {
    this.#isFlushPlanned = false
    // Writing may make others dirty; they are written in the same turn.
    for (const connection of this.#dirty) {
      this.#dirty.delete(connection)
      connection.flush()
    }
  }

  #forget(connection: Connection): void {
    this.#all.delete(connection)
    this.#dirty.delete(connection)
    this.#unfile(connection, connection.identity.authKey)
    this.#context.metrics.connectionsNow--
  }

  #file(connection: Connection, key: string | undefined): void {
    if (key === undefined) return
    const connections = this.#byAuthKey.get(key)
    if (connections === undefined) this.#byAuthKey.set(key, new Set([connection]))
    else connections.add(connection)
  }

  #unfile(connection: Connection, key: string | undefined): void {
    const connections = key === undefined ? undefined : this.#byAuthKey.get(key)
    connections?.delete(connection)
    if (key !== undefined && connections?.size === 0) this.#byAuthKey.delete(key)
  }
}
