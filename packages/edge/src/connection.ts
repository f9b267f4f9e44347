import { compareEntryIds, encodeRetry, ERROR_CODES, errorCodeOf, type ByeFrame, type Lsn, type QueryId } from '@zenstack-live/protocol'
import { nextConnectionStep, type ConnectionAction, type ConnectionEvent, type ConnectionPhase } from './connection-phase.ts'
import type { EdgeContext } from './edge-context.ts'
import { frameBytes, idBytes } from './frame-chunks.ts'
import { queryScope, type Identity } from './identity.ts'
import { encodePosition, type Place } from './place.ts'
import { createReader, type ConnectionReader } from './reader.ts'
import type { Sink } from './sink.ts'

/** One stream to one client, with all its queries. */
export interface Connection {
  readonly readers: ReadonlyMap<QueryId, ConnectionReader>
  readonly identity: Identity
  readonly phase: ConnectionPhase
  /** Opens a query, or several: each by its reader's `begin`. */
  add(q: QueryId, begin: ConnectionReader['begin']): void
  dispatch(event: ConnectionEvent): void
  /** Holds everything from a point on, until `getClient` has said who this is now. */
  doubt(from: Place): void
  push(block: Buffer): void
  /** Writes what has been pushed, and moves the reader's id as far as it may go. */
  flush(): void
  /** Writes the id if it has moved. */
  moveId(): void
}

export interface ConnectionOptions {
  context: EdgeContext
  sink: Sink
  identity: Identity
  /** What positions of this connection are bound to, for an identity. */
  scopeOf(identity: Identity): string
  /** The text of a query, as its id was made from. */
  textOf(q: QueryId): string
  /** Where it resumes: the first id it repeats until it may send a newer one. */
  resumedAt: string
  /** Asks `getClient` again. @throws {LiveError} `unauthenticated` or `auth_expired` when nobody is there any more */
  identify(): Promise<Identity>
  /** Something was pushed, or the id may move: write at the end of this turn. */
  onDirty(connection: Connection): void
  onIdentity(connection: Connection, previous: Identity): void
  onClosed(connection: Connection): void
}

/** Reconnecting clients spread over this time. */
const MAX_RETRY_MS = 3_000
const MIN_RETRY_MS = 500

export function createConnection(options: ConnectionOptions): Connection {
  const { context, sink } = options
  const { hub, limits, metrics, wheel } = context
  const readers = new Map<QueryId, ConnectionReader>()
  let identity = options.identity
  let phase: ConnectionPhase = 'flowing'
  let pending: Buffer[] = []
  let sentId = options.resumedAt
  let sentPlace: Place | undefined
  let heldFrom: Place | undefined
  /** No id is sent before the log has passed what the snapshots of this connection show. */
  let horizon = 0n as Lsn
  let checks = 0
  let byeReason: ByeFrame['reason'] = 'drain'
  let cancelTimers: (() => void)[] = []

  const push = (block: Buffer): void => {
    if (phase === 'closed') return
    pending.push(block)
    options.onDirty(connection)
  }

  /** The furthest point all queries have reached; `undefined` while one of them is not there yet. */
  const reached = (): Place | undefined => {
    let place = heldFrom ?? hub.history.head
    if (context.guards.holdsIds && place.lsn < horizon) return undefined
    for (const reader of readers.values()) {
      if (reader.state === 'opening') return undefined
      const behind = reader.live?.behind
      if (behind !== undefined && compareEntryIds(behind.entry, place.entry) < 0) place = behind
    }
    return place
  }

  const flush = (isHeartbeat = false): void => {
    if (phase !== 'flowing' || (pending.length === 0 && !isHeartbeat)) return
    const place = reached()
    if (place !== undefined && place !== sentPlace) {
      sentPlace = place
      sentId = encodePosition(context.placeText(place), options.scopeOf(identity))
    }
    // Each write ends in an id, moved or repeated: the client applies what came before it at once.
    const parts = [...pending, idBytes(sentId)]
    pending = []
    metrics.framesSent += parts.length - 1
    for (const part of parts) metrics.bytesSent += part.length
    if (!sink.write(parts)) dispatch('full')
  }

  let cancelStall = (): void => {}

  const dispatch = (event: ConnectionEvent): void => {
    const [next, ...actions] = nextConnectionStep(phase, event)
    const wasClosed = phase === 'closed'
    if (actions.includes('say-bye') || actions.includes('say-auth-expired')) sayLast(actions)
    phase = next
    for (const action of actions) ACT[action]()
    if (event === 'full') {
      cancelStall()
      cancelStall = wheel.after(limits.maxStallMs, () => dispatch('overdue'))
    } else if (event === 'drained') cancelStall()
    if (phase === 'closed' && !wasClosed) close()
  }

  const sayLast = (actions: readonly ConnectionAction[]): void => {
    const frame = actions.includes('say-bye') ? frameBytes({ event: 'bye', reason: byeReason }) : frameBytes({ event: 'auth-expired' })
    const retry = Buffer.from(encodeRetry(MIN_RETRY_MS + Math.random() * MAX_RETRY_MS), 'latin1')
    // Held frames are not written: the position before them is repeated.
    const blocks = phase === 'flowing' ? pending : []
    pending = []
    sink.write([...blocks, retry, frame, idBytes(sentId)])
  }

  const release = (): void => {
    const from = heldFrom
    heldFrom = undefined
    if (from !== undefined) for (const reader of readers.values()) reader.release(from)
    options.onDirty(connection)
  }

  const check = async (): Promise<void> => {
    metrics.identityChecks++
    const number = ++checks
    let next: Identity
    try {
      next = await options.identify()
      // A later question knows better.
      if (number !== checks || phase === 'closed') return
    } catch (error) {
      if (number !== checks || phase === 'closed') return
      context.logger.warn('A stream ended: getClient no longer knows who it belongs to.', { error: String(error) })
      return dispatch('no-identity')
    }
    if (next.key === identity.key) return dispatch('same-identity')
    const previous = identity
    identity = next
    sentPlace = undefined
    sentId = ''
    dispatch('other-identity')
    options.onIdentity(connection, previous)
  }

  const ACT: Record<ConnectionAction, () => void> = {
    hold() {
      heldFrom ??= hub.history.head
      for (const reader of readers.values()) reader.hold()
    },
    release,
    check: () => void check(),
    reopen() {
      heldFrom = undefined
      for (const reader of readers.values()) reader.reopen('identity')
    },
    'say-auth-expired': () => {},
    'say-bye': () => {},
    end: () => sink.end(),
    cut() {
      metrics.slowReadersCut++
      sink.destroy()
    },
  }

  const every = (delayMs: () => number, call: () => void): void => {
    let cancel = wheel.after(delayMs(), function again() {
      call()
      if (phase !== 'closed') cancel = wheel.after(delayMs(), again)
    })
    cancelTimers.push(() => cancel())
  }

  const close = (): void => {
    for (const cancel of cancelTimers) cancel()
    cancelTimers = []
    cancelStall()
    pending = []
    for (const reader of readers.values()) reader.close()
    readers.clear()
    options.onClosed(connection)
  }

  const connection: Connection = {
    readers,
    get identity() {
      return identity
    },
    get phase() {
      return phase
    },
    add(q, begin) {
      const reader = createReader({
        context,
        q,
        push,
        begin,
        onReady(readerHorizon) {
          if (readerHorizon > horizon) horizon = readerHorizon
          if (hub.history.head.lsn >= horizon) return
          context.nudge()
          cancelTimers.push(hub.whenPassed(readerHorizon, () => wakeUp()))
        },
        onFailed(error) {
          if (!ERROR_CODES[errorCodeOf(error)].isRetryable) return
          // It comes back after a while, and may fare better.
          byeReason = 'overloaded'
          setImmediate(() => dispatch('retire'))
        },
        scope: () => queryScope(context.keys, identity, options.textOf(q)),
        identity: () => identity,
        isHeld: () => heldFrom !== undefined,
      })
      readers.set(q, reader)
      reader.open()
    },
    dispatch,
    doubt(from) {
      heldFrom ??= from
      dispatch('doubt')
    },
    push,
    flush: () => flush(),
    moveId() {
      const place = reached()
      if (place !== undefined && place !== sentPlace) flush(true)
    },
  }

  const wakeUp = (): void => {
    if (phase === 'flowing') flush(true)
  }

  every(
    () => limits.heartbeatIntervalMs,
    () => flush(true),
  )
  every(
    () => limits.identityMaxAgeMs,
    () => void (phase === 'closed' ? undefined : check()),
  )
  cancelTimers.push(
    wheel.after(limits.maxConnectionAgeMs * (1 - Math.random() / 10), () => {
      byeReason = 'age'
      dispatch('retire')
    }),
  )
  return connection
}
