import { ERROR_CODES, errorCodeOf, LiveError, type Lsn, type QueryId, type ResetReason } from '@zenstack-live/protocol'
import type { EdgeContext } from './edge-context.ts'
import { frameBytes } from './frame-chunks.ts'
import type { LiveQuery, Reader } from './live-query.ts'
import { countIn } from './metrics.ts'
import type { PgSnapshot } from './pg-snapshot.ts'
import type { Place } from './place.ts'
import { encodeTicket } from './ticket.ts'

export interface ReaderOptions {
  context: EdgeContext
  q: QueryId
  push(block: Buffer): void
  /** Finds the live query for the present identity, and opens or resumes it. @throws {LiveError} when it cannot be live */
  begin(reader: QueryReader, isFirst: boolean): LiveQuery
  onReady(horizon: Lsn): void
  onFailed(error: LiveError): void
  /** Fingerprint of this query for the present identity. */
  scope(): string
  /** Whether the connection takes no frames now. */
  isHeld(): boolean
}

/** One query of one connection, with what the connection does to it. */
export class QueryReader implements Reader {
  readonly q: QueryId
  isFlowing = false
  seen: PgSnapshot | undefined
  version: number | undefined
  readonly #options: ReaderOptions
  #state: 'opening' | 'live' | 'failed' | 'closed' = 'opening'
  #live: LiveQuery | undefined
  #isHeld = false
  /** When it became ready only after the connection was held. */
  #heldFrom: Place | undefined

  constructor(options: ReaderOptions) {
    this.q = options.q
    this.#options = options
  }

  get state(): 'opening' | 'live' | 'failed' | 'closed' {
    return this.#state
  }

  get live(): LiveQuery | undefined {
    return this.#live
  }

  open(): void {
    this.#begin(true)
  }

  push(block: Buffer): void {
    this.#options.push(block)
  }

  ready(at: Place, horizon: Lsn, query: LiveQuery): void {
    const { context, push, scope, onReady, isHeld } = this.#options
    this.#state = 'live'
    this.#live = query
    const ticket = encodeTicket(context.keys, { scope: scope(), entry: at.entry, horizon, follows: query.id })
    push(frameBytes({ event: 'ready', q: this.q, at: at.entry, engine: query.engine, shape: query.shape, ticket }))
    onReady(horizon)
    if (!isHeld()) return
    this.#isHeld = true
    this.#heldFrom = at
    this.isFlowing = false
  }

  wait(): void {
    this.#state = 'opening'
  }

  reset(reason: ResetReason): void {
    const { context, push } = this.#options
    this.#state = 'opening'
    countIn(context.metrics.resets, reason)
    push(frameBytes({ event: 'reset', q: this.q, at: context.hub.history.head.entry, reason }))
  }

  fail(error: LiveError): void {
    const { context, push, onFailed } = this.#options
    this.#leave()
    this.#state = 'failed'
    const code = errorCodeOf(error)
    countIn(context.metrics.refusals, code)
    context.logger.warn('A query ended with an error.', { q: this.q, code, error: error.message })
    push(frameBytes({ event: 'error', q: this.q, code, message: ERROR_CODES[code].sentence }))
    onFailed(error)
  }

  /** Stops taking frames. */
  hold(): void {
    if (!this.isFlowing) return
    this.#isHeld = true
    this.isFlowing = false
  }

  /** Goes on from where it was held: from `from`, unless it became ready only later. */
  release(from: Place): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    const place = this.#heldFrom ?? from
    this.#heldFrom = undefined
    this.#live?.catchUp(this, place)
  }

  /** Begins anew, for whoever the connection belongs to now. */
  reopen(reason: ResetReason): void {
    if (this.#state === 'closed') return
    this.#leave()
    this.reset(reason)
    this.#begin(false)
  }

  close(): void {
    this.#leave()
    this.#state = 'closed'
  }

  #begin(isFirst: boolean): void {
    this.#state = 'opening'
    this.#isHeld = false
    this.#heldFrom = undefined
    try {
      this.#live = this.#options.begin(this, isFirst)
    } catch (error) {
      const code = errorCodeOf(error)
      this.fail(
        code === 'internal' ? new LiveError('internal', `A query could not be opened: ${String(error)}`, { cause: error }) : (error as LiveError),
      )
    }
  }

  #leave(): void {
    this.#live?.leave(this)
    this.#live = undefined
    this.isFlowing = false
    this.seen = undefined
    this.version = undefined
  }
}
