import {
  compareEntryIds,
  encodeRetry,
  ERROR_CODES,
  errorCodeOf,
  type ByeFrame,
  type LiveError,
  type Lsn,
  type QueryId,
  type WireQuery,
} from '@zenstack-live/protocol'
import { nextConnectionStep, type ConnectionAction, type ConnectionEvent, type ConnectionPhase } from './connection-phase.ts'
import type { EdgeContext } from './edge-context.ts'
import { frameBytes } from './frame-chunks.ts'
import { observe } from './histogram.ts'
import { idBlockOf, NO_ID, type IdBlock } from './id-block.ts'
import { queryScope, type Identity } from './identity.ts'
import type { LiveQuery } from './live-query.ts'
import type { Place } from './place.ts'
import { QueryReader, type ReaderHost, type Resume } from './reader.ts'
import type { Sink, SinkEvents } from './sink.ts'
import { StallWatch } from './stall-watch.ts'

/** What all connections of a process share. */
export interface ConnectionHost {
  readonly context: EdgeContext
  /** Finds what keeps a query live for an identity, and opens or resumes it. @throws {LiveError} when it cannot be live */
  begin(reader: QueryReader, identity: Identity, resume: Resume | undefined): LiveQuery
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
  /** Asks `getClient` again. @throws {LiveError} when nobody is there any more */
  identify(): Promise<Identity>
}

/** Clients that are sent away come back spread over this time. */
const MIN_RETRY_MS = 500
const RETRY_SPREAD_MS = 3_000
/** Never pushed to: most connections have nothing to write most of the time. */
const NOTHING: Buffer[] = []

/**
 * One stream to one client, with all its queries. Thousands are idle at a time, so it holds no closures and no timers: what is due
 * by time is looked for by {@link Connection.onTick}.
 */
export class Connection implements ReaderHost, SinkEvents {
  /** Whether its flush is planned: kept by whoever flushes. */
  isPlanned = false
  readonly #options: ConnectionOptions
  readonly #readers: QueryReader[] = []
  #identity: Identity
  /** What positions are bound to. Signed once per identity: per write it was over a third of what a delivery costs. */
  #scope: string
  #phase: ConnectionPhase = 'flowing'
  #pending: Buffer[] = NOTHING
  #sentId: IdBlock
  #sentPlace: Place | undefined
  #heldFrom: Place | undefined
  #doubtedAtMs: number | undefined
  /** No id is sent before the log has passed what the snapshots of this connection show. */
  #horizon = 0n as Lsn
  #cancelHorizon: (() => void) | undefined
  #byeReason: ByeFrame['reason'] = 'drain'
  #checks = 0
  /** Since when nothing was written, to within a tick; `undefined` when something was. */
  #quietSinceMs: number | undefined
  readonly #stall = new StallWatch()
  #checkedAtMs: number
  readonly #retireAtMs: number

  constructor(options: ConnectionOptions) {
    const { limits } = options.host.context
    const nowMs = performance.now()
    this.#options = options
    this.#identity = options.identity
    this.#scope = this.#scopeOf(options.onlyQuery)
    this.#sentId = options.resumedAt === undefined ? NO_ID : idBlockOf(options.resumedAt)
    this.#checkedAtMs = nowMs
    this.#retireAtMs = nowMs + limits.maxConnectionAgeMs * (1 - Math.random() / 10)
  }

  get context(): EdgeContext {
    return this.#options.host.context
  }

  get identity(): Identity {
    return this.#identity
  }

  get isHeld(): boolean {
    return this.#heldFrom !== undefined
  }

  /** Opens a query, or goes on with it. */
  add(q: QueryId, wire: WireQuery, resume: Resume | 'worthless' | undefined): void {
    const reader = new QueryReader(this, q, wire)
    this.#readers.push(reader)
    reader.open(resume)
  }

  begin(reader: QueryReader, resume: Resume | undefined): LiveQuery {
    return this.#options.host.begin(reader, this.#identity, resume)
  }

  scopeOf(queryText: string): string {
    return this.#scopeOf(queryText)
  }

  push(block: Buffer): void {
    if (this.#phase === 'closed') return
    if (this.#pending === NOTHING) this.#pending = [block]
    else this.#pending.push(block)
    this.#options.host.onDirty(this)
  }

  onReady(horizon: Lsn): void {
    const { hub, nudge } = this.context
    if (horizon > this.#horizon) this.#horizon = horizon
    if (hub.history.head.lsn >= this.#horizon) return
    nudge()
    this.#cancelHorizon?.()
    this.#cancelHorizon = hub.whenPassed(this.#horizon, () => {
      this.#cancelHorizon = undefined
      this.#write(true)
    })
  }

  onFailed(error: LiveError): void {
    // One of several is asked for again by the client, alone; the others go on.
    if (!ERROR_CODES[errorCodeOf(error)].isRetryable || this.#options.onlyQuery === undefined) return
    // `EventSource` comes back after a while, and may fare better.
    this.#byeReason = 'overloaded'
    setImmediate(() => this.dispatch('retire'))
  }

  onRoom(): void {
    this.dispatch('drained')
  }

  onGone(): void {
    this.dispatch('gone')
  }

  /** Does what is due by time. */
  onTick(nowMs: number): void {
    const { limits } = this.context
    if (this.#stall.isOverdue(nowMs, this.#options.sink.waitingMark, limits.maxStallMs)) return this.dispatch('overdue')
    if (nowMs >= this.#retireAtMs) {
      this.#byeReason = 'age'
      return this.dispatch('retire')
    }
    if (nowMs - this.#checkedAtMs >= limits.identityMaxAgeMs) void this.#check()
    this.#quietSinceMs ??= nowMs
    if (nowMs - this.#quietSinceMs >= limits.heartbeatIntervalMs) this.#write(true)
  }

  dispatch(event: ConnectionEvent): void {
    const [next, ...actions] = nextConnectionStep(this.#phase, event)
    const wasClosed = this.#phase === 'closed'
    const last = actions.find((action) => action === 'say-bye' || action === 'say-auth-expired')
    if (last !== undefined) this.#sayLast(last)
    this.#phase = next
    for (const action of actions) this.#act(action)
    this.#watchStall(event)
    if (next === 'closed' && !wasClosed) this.#close()
  }

  /** Holds everything from a point on, until `getClient` has said who this is now. */
  doubt(from: Place): void {
    this.#heldFrom ??= from
    this.#doubtedAtMs ??= performance.now()
    this.dispatch('doubt')
  }

  /** Writes what has been pushed, and moves the reader's id as far as it may go. */
  flush(): void {
    this.#write(false)
  }

  /** Writes the id if it has moved. */
  moveId(): void {
    const place = this.#reached()
    if (place !== undefined && place !== this.#sentPlace) this.#write(true)
  }

  /** The furthest point all queries have reached; `undefined` while one of them is not there yet. */
  #reached(): Place | undefined {
    const { hub, guards } = this.context
    let place = this.#heldFrom ?? hub.history.head
    if (guards.holdsIds && place.lsn < this.#horizon) return undefined
    for (const reader of this.#readers) {
      if (reader.state === 'opening') return undefined
      const behind = reader.live?.behind
      if (behind !== undefined && compareEntryIds(behind.entry, place.entry) < 0) place = behind
    }
    return place
  }

  #write(isIdWanted: boolean): void {
    if (this.#phase !== 'flowing' || (this.#pending.length === 0 && !isIdWanted)) return
    const { idHead, metrics } = this.context
    const place = this.#reached()
    if (place !== undefined && place !== this.#sentPlace) {
      this.#sentPlace = place
      this.#sentId = { head: idHead(place), scope: this.#scope }
    }
    // Each write ends in an id, moved or repeated: the client applies what came before it at once.
    const parts = this.#pending
    this.#pending = NOTHING
    this.#quietSinceMs = undefined
    metrics.framesSent += parts.length
    for (const part of parts) metrics.bytesSent += part.length
    if (!this.#options.sink.write(parts, this.#sentId)) this.dispatch('full')
  }

  #scopeOf(queryText: string | undefined): string {
    return queryText === undefined ? this.#identity.fingerprint : queryScope(this.context.keys, this.#identity, queryText)
  }

  #act(action: ConnectionAction): void {
    switch (action) {
      case 'hold':
        this.#heldFrom ??= this.context.hub.history.head
        for (const reader of this.#readers) reader.hold()
        return
      case 'release':
        return this.#release()
      case 'check':
        return void this.#check()
      case 'reopen':
        this.#heldFrom = undefined
        // What was opened or replayed while it was in doubt was made for the one it no longer is.
        this.#pending = NOTHING
        for (const reader of this.#readers) reader.reopen('identity')
        return
      case 'end':
        return this.#options.sink.end()
      case 'cut':
        this.context.metrics.slowReadersCut++
        return this.#options.sink.destroy()
      case 'say-bye':
      case 'say-auth-expired':
        return
    }
  }

  #release(): void {
    const from = this.#heldFrom
    this.#heldFrom = undefined
    if (from !== undefined) for (const reader of this.#readers) reader.release(from)
    this.#options.host.onDirty(this)
  }

  async #check(): Promise<void> {
    const { context } = this
    const { host, identify } = this.#options
    const number = ++this.#checks
    this.#checkedAtMs = performance.now()
    context.metrics.identityChecks++
    let next: Identity
    try {
      next = await identify()
    } catch (error) {
      if (number !== this.#checks || this.#phase === 'closed') return
      context.logger.warn('A stream ended: getClient does not say who it belongs to.', { error: String(error) })
      if (!ERROR_CODES[errorCodeOf(error)].isRetryable) return this.dispatch('no-identity')
      // Nobody knows now: nothing more is sent, and it comes back after a while.
      this.#byeReason = 'overloaded'
      return this.dispatch('retire')
    }
    // A later question knows better.
    if (number !== this.#checks || this.#phase === 'closed') return
    if (this.#doubtedAtMs !== undefined) observe(context.metrics.revocationSeconds, (performance.now() - this.#doubtedAtMs) / 1000)
    this.#doubtedAtMs = undefined
    if (next.key === this.#identity.key) return this.dispatch('same-identity')
    const previous = this.#identity
    this.#identity = next
    this.#scope = this.#scopeOf(this.#options.onlyQuery)
    this.#sentPlace = undefined
    this.#sentId = NO_ID
    host.onIdentity(this, previous)
    this.dispatch('other-identity')
  }

  #sayLast(action: ConnectionAction): void {
    const frame = action === 'say-bye' ? frameBytes({ event: 'bye', reason: this.#byeReason }) : frameBytes({ event: 'auth-expired' })
    const retry = Buffer.from(encodeRetry(MIN_RETRY_MS + Math.random() * RETRY_SPREAD_MS), 'latin1')
    // What is held is not written: the position before it is repeated.
    const blocks = this.#phase === 'flowing' ? this.#pending : NOTHING
    this.#pending = NOTHING
    this.#options.sink.write([...blocks, retry, frame], this.#sentId)
  }

  #watchStall(event: ConnectionEvent): void {
    const { metrics } = this.context
    if (event === 'full' && !this.#stall.isStalled) {
      this.#stall.begin(performance.now(), this.#options.sink.waitingMark)
      metrics.connectionsStalledNow++
    } else if ((event === 'drained' || this.#phase === 'closed') && this.#stall.isStalled) {
      this.#stall.end()
      metrics.connectionsStalledNow--
    }
  }

  #close(): void {
    this.#cancelHorizon?.()
    this.#pending = NOTHING
    for (const reader of this.#readers.splice(0)) reader.close()
    this.#options.host.onClosed(this)
  }
}
