import { compareEntryIds, encodeRetry, ERROR_CODES, errorCodeOf, type ByeFrame, type Lsn, type QueryId } from '@zenstack-live/protocol'
import { nextConnectionStep, type ConnectionAction, type ConnectionEvent, type ConnectionPhase } from './connection-phase.ts'
import type { EdgeContext } from './edge-context.ts'
import { frameBytes, idBytes } from './frame-chunks.ts'
import { queryScope, type Identity } from './identity.ts'
import { encodePosition, type Place } from './place.ts'
import { QueryReader, type ReaderOptions } from './reader.ts'
import type { Sink } from './sink.ts'

export interface ConnectionOptions {
  context: EdgeContext
  sink: Sink
  identity: Identity
  /** What positions of this connection are bound to, for an identity. */
  scopeOf(identity: Identity): string
  /** The text of a query, as its id was made from. */
  textOf(q: QueryId): string
  /** Where it resumes: the id it repeats until it may send a newer one. */
  resumedAt: string
  /** Asks `getClient` again. @throws {LiveError} when nobody is there any more */
  identify(): Promise<Identity>
  /** Something was pushed, or the id may move: write at the end of this turn. */
  onDirty(connection: Connection): void
  onIdentity(connection: Connection, previous: Identity): void
  onClosed(connection: Connection): void
}

/** Clients that are sent away come back spread over this time. */
const MIN_RETRY_MS = 500
const RETRY_SPREAD_MS = 3_000

/** One stream to one client, with all its queries. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #readers = new Map<QueryId, QueryReader>()
  #identity: Identity
  /** What positions are bound to. Signed once per identity: per write it was over a third of what a delivery costs. */
  #scope: string
  #phase: ConnectionPhase = 'flowing'
  #pending: Buffer[] = []
  #sentId: string
  #sentPlace: Place | undefined
  #heldFrom: Place | undefined
  /** No id is sent before the log has passed what the snapshots of this connection show. */
  #horizon = 0n as Lsn
  #byeReason: ByeFrame['reason'] = 'drain'
  #checks = 0
  #cancelStall: (() => void) | undefined
  #cancelTimers: (() => void)[] = []

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#identity = options.identity
    this.#scope = options.scopeOf(options.identity)
    this.#sentId = options.resumedAt
    const { limits, wheel } = options.context
    this.#every(limits.heartbeatIntervalMs, () => this.#write(true))
    this.#every(limits.identityMaxAgeMs, () => void this.#check())
    const retire = wheel.after(limits.maxConnectionAgeMs * (1 - Math.random() / 10), () => {
      this.#byeReason = 'age'
      this.dispatch('retire')
    })
    this.#cancelTimers.push(retire)
  }

  get identity(): Identity {
    return this.#identity
  }

  /** Opens a query: `begin` finds what keeps it live, for whoever the connection belongs to at that time. */
  add(q: QueryId, begin: ReaderOptions['begin']): void {
    const { context, textOf } = this.#options
    const reader = new QueryReader({
      context,
      q,
      begin,
      push: (block) => this.#push(block),
      onReady: (horizon) => this.#waitForHorizon(horizon),
      onFailed: (error) => {
        if (!ERROR_CODES[errorCodeOf(error)].isRetryable) return
        // It comes back after a while, and may fare better.
        this.#byeReason = 'overloaded'
        setImmediate(() => this.dispatch('retire'))
      },
      scope: () => queryScope(context.keys, this.#identity, textOf(q)),
      isHeld: () => this.#heldFrom !== undefined,
    })
    this.#readers.set(q, reader)
    reader.open()
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

  #push(block: Buffer): void {
    if (this.#phase === 'closed') return
    this.#pending.push(block)
    this.#options.onDirty(this)
  }

  /** The furthest point all queries have reached; `undefined` while one of them is not there yet. */
  #reached(): Place | undefined {
    const { hub, guards } = this.#options.context
    let place = this.#heldFrom ?? hub.history.head
    if (guards.holdsIds && place.lsn < this.#horizon) return undefined
    for (const reader of this.#readers.values()) {
      if (reader.state === 'opening') return undefined
      const behind = reader.live?.behind
      if (behind !== undefined && compareEntryIds(behind.entry, place.entry) < 0) place = behind
    }
    return place
  }

  #write(isIdWanted: boolean): void {
    if (this.#phase !== 'flowing' || (this.#pending.length === 0 && !isIdWanted)) return
    const { context, sink } = this.#options
    const place = this.#reached()
    if (place !== undefined && place !== this.#sentPlace) {
      this.#sentPlace = place
      this.#sentId = encodePosition(context.placeText(place), this.#scope)
    }
    // Each write ends in an id, moved or repeated: the client applies what came before it at once.
    const parts = this.#pending
    parts.push(idBytes(this.#sentId))
    this.#pending = []
    context.metrics.framesSent += parts.length - 1
    for (const part of parts) context.metrics.bytesSent += part.length
    if (!sink.write(parts)) this.dispatch('full')
  }

  #waitForHorizon(horizon: Lsn): void {
    const { hub, nudge } = this.#options.context
    if (horizon > this.#horizon) this.#horizon = horizon
    if (hub.history.head.lsn >= horizon) return
    nudge()
    this.#cancelTimers.push(hub.whenPassed(horizon, () => this.#write(true)))
  }

  #act(action: ConnectionAction): void {
    switch (action) {
      case 'hold':
        this.#heldFrom ??= this.#options.context.hub.history.head
        for (const reader of this.#readers.values()) reader.hold()
        return
      case 'release':
        return this.#release()
      case 'check':
        return void this.#check()
      case 'reopen':
        this.#heldFrom = undefined
        // What was opened or replayed while it was in doubt was made for the one it no longer is.
        this.#pending = []
        for (const reader of this.#readers.values()) reader.reopen('identity')
        return
      case 'end':
        return this.#options.sink.end()
      case 'cut':
        this.#options.context.metrics.slowReadersCut++
        return this.#options.sink.destroy()
      case 'say-bye':
      case 'say-auth-expired':
        return
    }
  }

  #release(): void {
    const from = this.#heldFrom
    this.#heldFrom = undefined
    if (from !== undefined) for (const reader of this.#readers.values()) reader.release(from)
    this.#options.onDirty(this)
  }

  async #check(): Promise<void> {
    const { context, identify, onIdentity } = this.#options
    const number = ++this.#checks
    context.metrics.identityChecks++
    let next: Identity
    try {
      next = await identify()
    } catch (error) {
      if (number !== this.#checks || this.#phase === 'closed') return
      context.logger.warn('A stream ended: getClient no longer knows who it belongs to.', { error: String(error) })
      return this.dispatch('no-identity')
    }
    // A later question knows better.
    if (number !== this.#checks || this.#phase === 'closed') return
    if (next.key === this.#identity.key) return this.dispatch('same-identity')
    const previous = this.#identity
    this.#identity = next
    this.#scope = this.#options.scopeOf(next)
    this.#sentPlace = undefined
    this.#sentId = ''
    onIdentity(this, previous)
    this.dispatch('other-identity')
  }

  #sayLast(action: ConnectionAction): void {
    const frame = action === 'say-bye' ? frameBytes({ event: 'bye', reason: this.#byeReason }) : frameBytes({ event: 'auth-expired' })
    const retry = Buffer.from(encodeRetry(MIN_RETRY_MS + Math.random() * RETRY_SPREAD_MS), 'latin1')
    // What is held is not written: the position before it is repeated.
    const blocks = this.#phase === 'flowing' ? this.#pending : []
    this.#pending = []
    this.#options.sink.write([...blocks, retry, frame, idBytes(this.#sentId)])
  }

  #watchStall(event: ConnectionEvent): void {
    if (event !== 'full' && event !== 'drained') return
    this.#cancelStall?.()
    const { limits, wheel } = this.#options.context
    this.#cancelStall = event === 'full' ? wheel.after(limits.maxStallMs, () => this.dispatch('overdue')) : undefined
  }

  #every(intervalMs: number, call: () => void): void {
    const index = this.#cancelTimers.length
    const again = (): void => {
      if (this.#phase === 'closed') return
      call()
      this.#cancelTimers[index] = this.#options.context.wheel.after(intervalMs, again)
    }
    this.#cancelTimers.push(this.#options.context.wheel.after(intervalMs, again))
  }

  #close(): void {
    this.#cancelStall?.()
    for (const cancel of this.#cancelTimers) cancel()
    this.#cancelTimers = []
    this.#pending = []
    for (const reader of this.#readers.values()) reader.close()
    this.#readers.clear()
    this.#options.onClosed(this)
  }
}
