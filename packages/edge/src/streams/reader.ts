import { ERROR_CODES, errorCodeOf, LiveError, queryText, type Lsn, type QueryId, type ResetReason, type WireQuery } from '@zenstack-live/protocol'
import type { EdgeContext } from '../edge-context.ts'
import { frameOctets } from './frame-chunks.ts'
import { nameOf, type Identity } from '../identity/identity.ts'
import { beginReader, endBeginning } from '../queries/begin-reader.ts'
import type { LiveQuery, Reader } from '../queries/live-query.ts'
import { countIn } from '../operations/metrics.ts'
import type { PgSnapshot } from '../database/pg-snapshot.ts'
import type { Place } from '../log/place.ts'
import type { Transaction } from '../log/transaction.ts'
import { encodeTicket, orderOf, type Ticket } from './ticket.ts'
import type { Octets } from './octets.ts'

/** Names that clients send may be of any length. */
const MAX_LOGGED_CHARS = 100

/** Where a query that was open before goes on. */
export interface Resume {
  ticket: Ticket
  from: Place
}

/** The connection, as its queries see it. */
export interface ReaderHost {
  readonly context: EdgeContext
  readonly identity: Identity
  /** Whether the connection takes no frames now. */
  readonly isHeld: boolean
  push(block: Octets): void
  /** What a query waits for before it begins; `undefined`: nothing. */
  untilKnown(): Promise<void> | undefined
  /** Finds the live query for the present identity, and opens or resumes it. @throws {LiveError} when it cannot be live */
  begin(reader: QueryReader, resume: Resume | undefined): LiveQuery
  mayTake(snapshot: PgSnapshot): boolean
  wasAnother(transactions: readonly Transaction[]): boolean
  /** A query has not all that it should: no id passes it. */
  onWait(): void
  /** @param order - how the places of its rows are told */
  onReady(horizon: Lsn, order: string): void
  onFailed(error: LiveError): void
  /** Fingerprint of a query for the present identity. */
  scopeOf(queryText: string): string
}

/** One query of one connection, with what the connection does to it. */
export class QueryReader implements Reader {
  // First what each change looks at.
  isFlowing = false
  seen: Reader['seen']
  mayBeAhead = false
  readonly #host: ReaderHost
  version: number | undefined
  readonly q: QueryId
  readonly wire: WireQuery
  #state: 'opening' | 'live' | 'failed' | 'closed' = 'opening'
  #live: LiveQuery | undefined
  #isHeld = false
  /** When it became ready only after the connection was held. */
  #heldFrom: Place | undefined
  /** What its tickets are bound to; a keyed hash, made once per identity. */
  #scope: string | undefined

  constructor(host: ReaderHost, q: QueryId, wire: WireQuery) {
    this.q = q
    this.wire = wire
    this.#host = host
  }

  get state(): 'opening' | 'live' | 'failed' | 'closed' {
    return this.#state
  }

  get live(): LiveQuery | undefined {
    return this.#live
  }

  /** @param resume - what it came with; what is worth nothing here is answered with a reset */
  open(resume: Resume | 'worthless' | undefined): void {
    if (resume === 'worthless') this.reset('position')
    this.#begin(resume === 'worthless' ? undefined : resume)
  }

  mayTake(snapshot: PgSnapshot): boolean {
    return this.#host.mayTake(snapshot)
  }

  wasAnother(transactions: readonly Transaction[]): boolean {
    return this.#host.wasAnother(transactions)
  }

  push(block: Octets): void {
    this.#host.push(block)
  }

  /** Not while it is held: what it misses begins before the horizon, and it was shown a part of that. */
  forgetSeen(): void {
    const { hub } = this.#host.context
    if (this.isFlowing && this.seen !== undefined && hub.history.head.lsn >= this.seen.horizon) this.seen = undefined
  }

  ready(at: Place, horizon: Lsn, query: LiveQuery): void {
    const host = this.#host
    this.#state = 'live'
    this.#live = query
    const scope = (this.#scope ??= host.scopeOf(queryText(this.wire)))
    // Without a version it holds what it was given elsewhere: a ticket must not say otherwise.
    const follows = this.version === undefined ? '' : query.id
    const order = orderOf(query.engine, this.wire.operation)
    const ticket = encodeTicket(host.context.keys, { scope, entry: at.entry, horizon, follows, order })
    host.push(frameOctets({ event: 'ready', q: this.q, at: at.entry, engine: query.engine, shape: query.shape, ticket }))
    host.onReady(horizon, order)
    this.forgetSeen()
    if (!host.isHeld) return
    this.#isHeld = true
    this.#heldFrom = at
    this.isFlowing = false
  }

  wait(): void {
    this.#state = 'opening'
    this.#host.onWait()
    // Nothing it was held from is of use: it is held again when it is ready, if need be.
    this.#isHeld = false
    this.#heldFrom = undefined
  }

  reset(reason: ResetReason): void {
    const { context } = this.#host
    this.wait()
    countIn(context.metrics.resets, reason)
    this.#host.push(frameOctets({ event: 'reset', q: this.q, at: context.hub.history.head.entry, reason }))
  }

  fail(error: LiveError): void {
    // Nobody is there to be told what became of a question that was still on its way.
    if (this.#state === 'closed') return
    const { context, identity } = this.#host
    const { model, operation } = this.wire
    this.#leave()
    this.#state = 'failed'
    const code = errorCodeOf(error)
    countIn(context.metrics.refusals, code)
    const query = `${model}.${operation}`.slice(0, MAX_LOGGED_CHARS)
    context.logger.warn('A query ended with an error.', { identity: nameOf(identity), query, q: this.q, code, error: error.message })
    this.#host.push(frameOctets({ event: 'error', q: this.q, code, message: ERROR_CODES[code].sentence }))
    this.#host.onFailed(error)
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
    try {
      this.#live?.catchUp(this, place)
    } catch (error) {
      this.fail(asLiveError(error, 'go on'))
    }
  }

  /** Begins anew, for whoever the connection belongs to now. */
  reopen(reason: ResetReason): void {
    if (this.#state === 'closed') return
    this.#leave()
    this.reset(reason)
    this.#begin(undefined)
  }

  close(): void {
    this.#leave()
    this.#state = 'closed'
  }

  #begin(resume: Resume | undefined): void {
    this.wait()
    this.#scope = undefined
    const known = this.#host.untilKnown()
    if (known === undefined) return this.#beginNow(resume)
    const { hub, metrics } = this.#host.context
    const { era } = hub
    // When it comes, all of them ask.
    metrics.questionsWaitingNow++
    beginReader(this, async (isWanted) => {
      await known.finally(() => metrics.questionsWaitingNow--)
      if (!isWanted()) return
      // Its place is one of a log that is not any more.
      const isLost = resume !== undefined && hub.era !== era
      if (isLost) this.reset('gap')
      this.#beginNow(isLost ? undefined : resume)
    })
  }

  #beginNow(resume: Resume | undefined): void {
    try {
      this.#live = this.#host.begin(this, resume)
    } catch (error) {
      this.fail(asLiveError(error, 'be opened'))
    }
  }

  #leave(): void {
    endBeginning(this)
    this.#live?.leave(this)
    this.#live = undefined
    this.isFlowing = false
    this.seen = undefined
    this.version = undefined
    this.mayBeAhead = false
  }
}

function asLiveError(error: unknown, what: string): LiveError {
  if (errorCodeOf(error) !== 'internal') return error as LiveError
  return new LiveError('internal', `A query could not ${what}: ${String(error)}`, { cause: error })
}
