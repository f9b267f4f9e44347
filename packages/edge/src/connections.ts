import { encodeRetry, type QueryId, type WireQuery } from '@zenstack-live/protocol'
import { queryId, queryText } from '@zenstack-live/protocol'
import { createConnection, type Connection } from './connection.ts'
import type { EdgeContext } from './edge-context.ts'
import { frameBytes } from './frame-chunks.ts'
import { queryScope, type Identity } from './identity.ts'
import { createLiveQueries } from './live-queries.ts'
import type { LiveQuery } from './live-query.ts'
import type { LiveRequest } from './parse-live-request.ts'
import { parsePosition, type Place } from './place.ts'
import { planQuery } from './plan-query.ts'
import type { ConnectionReader } from './reader.ts'
import { streamResponse, type NodeSide } from './stream-response.ts'
import { parseTicket, type Ticket } from './ticket.ts'
import type { Transaction } from './transaction.ts'

/** All streams of this process. */
export interface Connections {
  hasRoom(): boolean
  /** A stream that ends at once and says when to come back: `EventSource` never returns from an error status. */
  turnAway(): Response
  /** @throws {LiveError} when the one query of a `GET` cannot be live */
  open(request: OpenRequest): Response
  refreshIdentity(id: string): void
  /** Lets quiet streams know how far the log has come: someone waits for a write of theirs. */
  moveIdsSoon(): void
  drain(): Promise<void>
  close(): void
}

export interface OpenRequest {
  live: LiveRequest
  identity: Identity
  identify(): Promise<Identity>
  node: NodeSide | undefined
}

const MOVE_IDS_EVERY_MS = 250

export function createConnections(context: EdgeContext): Connections {
  const { hub, limits, metrics } = context
  const all = new Set<Connection>()
  const byAuthKey = new Map<string, Set<Connection>>()
  const dirty = new Set<Connection>()
  let isFlushPlanned = false
  let isDraining = false
  let movedIdsAtMs = 0
  let movingIds: NodeJS.Timeout | undefined

  const queries = createLiveQueries(context, () => {})

  const flushAll = (): void => {
    isFlushPlanned = false
    // Writing may make others dirty; they are written in the same turn.
    for (const connection of dirty) {
      dirty.delete(connection)
      connection.flush()
    }
  }

  const onDirty = (connection: Connection): void => {
    dirty.add(connection)
    if (isFlushPlanned) return
    isFlushPlanned = true
    setImmediate(flushAll)
  }

  const file = (connection: Connection, key: string | undefined): void => {
    if (key === undefined) return
    byAuthKey.set(key, (byAuthKey.get(key) ?? new Set()).add(connection))
  }

  const unfile = (connection: Connection, key: string | undefined): void => {
    const connections = key === undefined ? undefined : byAuthKey.get(key)
    connections?.delete(connection)
    if (key !== undefined && connections?.size === 0) byAuthKey.delete(key)
  }

  const authModel = context.data.schema.authType

  /** Whoever the transaction may have made another: held before anything of it is given to them. */
  const doubtIdentities = (transaction: Transaction): void => {
    const model = authModel === undefined ? undefined : context.data.models.get(authModel)
    if (model === undefined || byAuthKey.size === 0) return
    const table = `${model.table.schema}.${model.table.name}`
    if (!transaction.tables.has(table)) return
    if (transaction.unknown.has(table)) {
      for (const connection of all) connection.doubt(transaction.before)
      return
    }
    for (const effect of transaction.effects) {
      if (effect.model !== model) continue
      for (const connection of byAuthKey.get(effect.key) ?? []) connection.doubt(transaction.before)
    }
  }

  hub.listen({
    onTransaction(transaction) {
      metrics.transactions++
      doubtIdentities(transaction)
      queries.onTransaction(transaction)
    },
    onBatchEnd: flushAll,
    onReset: (reason) => queries.onReset(reason),
  })

  const begin = (reader: ConnectionReader, identity: Identity, wire: WireQuery, resume: { ticket: Ticket; from: Place } | undefined): LiveQuery => {
    const planned = planQuery(context, identity, wire)
    const live = queries.obtain(planned, identity)
    if (resume === undefined) live.open(reader)
    else {
      metrics.resumes++
      live.resume(reader, resume.ticket, resume.from)
    }
    return live
  }

  const start = (request: OpenRequest, sink: Parameters<Parameters<typeof streamResponse>[1]>[0]): Connection => {
    const { live, identity } = request
    const wires = new Map<QueryId, WireQuery>(live.queries.map((wire) => [queryId(wire), wire]))
    const [one] = live.kind === 'stream-one' ? live.queries : []
    const scopeOf = (of: Identity): string => (one === undefined ? of.fingerprint : queryScope(context.keys, of, queryText(one)))
    // A connection's ids are bound to the identity; those of a JSON read, and of a connection with one query, to the query as well.
    const scopes = [
      ...(one === undefined ? [identity.fingerprint] : []),
      ...live.queries.map((wire) => queryScope(context.keys, identity, queryText(wire))),
    ]
    const place = live.lastEventId === undefined ? undefined : parsePosition(context.keys, hub.log, scopes, live.lastEventId)
    const connection = createConnection({
      context,
      sink,
      identity,
      scopeOf,
      textOf: (q) => queryText(wires.get(q) ?? { model: '', operation: 'findMany' }),
      resumedAt: place === undefined ? '' : (live.lastEventId ?? ''),
      identify: request.identify,
      onDirty,
      onIdentity(changed, previous) {
        unfile(changed, previous.authKey)
        file(changed, changed.identity.authKey)
      },
      onClosed(closed) {
        all.delete(closed)
        dirty.delete(closed)
        unfile(closed, closed.identity.authKey)
        metrics.connectionsNow--
      },
    })
    all.add(connection)
    file(connection, identity.authKey)
    metrics.connectionsNow++
    metrics.connectionsOpened++
    for (const [q, wire] of wires)
      connection.add(q, (reader, isFirst) => begin(reader, connection.identity, wire, isFirst ? resumeOf(reader, wire) : undefined))
    if (wires.size === 0) onDirty(connection)
    return connection

    function resumeOf(reader: ConnectionReader, wire: WireQuery): { ticket: Ticket; from: Place } | undefined {
      if (live.lastEventId === undefined) return undefined
      const scope = queryScope(context.keys, identity, queryText(wire))
      // On GET the position itself is bound to the query; its ids only ever left behind the horizon.
      const ticket =
        one === undefined
          ? wire.ticket === undefined
            ? undefined
            : parseTicket(context.keys, scope, wire.ticket)
          : place === undefined
            ? undefined
            : { scope, entry: place.entry, horizon: place.lsn, follows: '' }
      if (place !== undefined && ticket !== undefined) return { ticket, from: place }
      // It came with something that is worth nothing here; a query that came with nothing is simply new.
      if (one !== undefined || wire.ticket !== undefined) reader.reset('position')
      return undefined
    }
  }

  return {
    hasRoom: () => !isDraining && all.size < limits.maxConnections,
    turnAway() {
      const retry = encodeRetry(1_000 + Math.random() * 4_000)
      const bye = frameBytes({ event: 'bye', reason: isDraining ? 'drain' : 'overloaded' })
      return new Response(retry + bye.toString('utf8'), {
        headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform' },
      })
    },
    open(request) {
      // What cannot be live is said with a status, where there is one query.
      const [only] = request.live.queries
      if (request.live.kind === 'stream-one' && only !== undefined) planQuery(context, request.identity, only)
      return streamResponse(request.node, (sink, listen) => {
        const connection = start(request, sink)
        listen({ onRoom: () => connection.dispatch('drained'), onGone: () => connection.dispatch('gone') })
      })
    },
    refreshIdentity(id) {
      for (const connection of byAuthKey.get(id) ?? []) connection.doubt(hub.history.head)
    },
    moveIdsSoon() {
      if (movingIds !== undefined) return
      const pause = Math.max(0, movedIdsAtMs + MOVE_IDS_EVERY_MS - performance.now())
      movingIds = setTimeout(() => {
        movingIds = undefined
        movedIdsAtMs = performance.now()
        for (const connection of all) connection.moveId()
      }, pause)
    },
    async drain() {
      isDraining = true
      const leaving = [...all]
      // Spread, so that they do not all come back at once; few are not made to wait.
      const pause = Math.min(20, (limits.drainDeadlineMs * 0.8) / Math.max(1, leaving.length))
      await Promise.all(
        leaving.map(async (connection, index) => {
          await new Promise((resolve) => setTimeout(resolve, pause * index))
          connection.dispatch('retire')
        }),
      )
    },
    close() {
      isDraining = true
      clearTimeout(movingIds)
      for (const connection of all) connection.dispatch('retire')
    },
  }
}
