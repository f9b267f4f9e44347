import { encodeRetry, ERROR_CODES, errorCodeOf, LiveError, type ByeFrame, type Limits } from '@zenstack-live/protocol'
import { nextConnectionStep, type ConnectionAction, type ConnectionEvent, type ConnectionPhase } from './connection-phase.ts'
import type { EdgeContext } from '../edge-context.ts'
import { nameOf, type Identity } from '../identity/identity.ts'
import { frameOctets } from './frame-chunks.ts'
import { observe } from '../operations/histogram.ts'
import type { Sink } from './sink.ts'
import { StallWatch } from './stall-watch.ts'
import { octetsOf, type Octets } from './octets.ts'

/** A stream, as its life sees it. */
export interface Living<Owner> {
  readonly context: EdgeContext
  readonly sink: Sink
  /** Whose it is, as was last known. */
  readonly identity: Identity
  /** When nobody is there any more, whatever is said of it, in milliseconds since 1970. */
  readonly expiresAtMs: number | undefined
  /** Asks whose it is now. @throws {LiveError} when nobody is there any more */
  identify(): Promise<Owner>
  /** Whether what was answered is no longer good: the row behind it changed since it was asked for. */
  isOutdated(owner: Owner): boolean
  /** Takes that in, when nothing newer is known. @returns what it comes to */
  settle(owner: Owner): ConnectionEvent
  /** Stops deciding what to send; goes on from there; begins anew for whoever it belongs to now. */
  act(action: 'hold' | 'release' | 'reopen'): void
  /** Writes how it ends. */
  sayLast(blocks: readonly Octets[]): void
  /** Writes something: it has been quiet for long. */
  beat(): void
  onClosed(): void
}

/** Clients that are sent away come back spread over this time. */
const RETRY_MS = { least: 500, spread: 3_000 }
const LEAST_TICK_MS = 25
const MOST_TICK_MS = 1_000

/**
 * The life of one stream, as {@link nextConnectionStep} says it, and what is due by time: its reader is too slow, its owner has to be
 * asked for, it has been quiet or has lived for long. Thousands are idle at a time, so it has no timers: {@link TickWheel} looks
 * after them.
 */
export class ConnectionLife<Owner> {
  // First what each write looks at.
  #phase: ConnectionPhase = 'flowing'
  /** Since when nothing was written, to within a tick; `undefined` when something was. */
  #quietSinceMs: number | undefined
  readonly #of: Living<Owner>
  readonly #stall = new StallWatch()
  readonly #retireAtMs: number
  readonly #expiresAtMs: number
  #byeReason: ByeFrame['reason'] = 'drain'
  #checks = 0
  /** The newest question about whose it is has not been answered. */
  #isChecking = false
  #checkedAtMs: number
  #doubtedAtMs: number | undefined

  constructor(of: Living<Owner>) {
    this.#of = of
    this.#checkedAtMs = performance.now()
    this.#retireAtMs = this.#checkedAtMs + of.context.limits.maxConnectionAgeMs * (1 - Math.random() / 10)
    this.#expiresAtMs = of.expiresAtMs === undefined ? Infinity : this.#checkedAtMs + of.expiresAtMs - Date.now()
  }

  get isFlowing(): boolean {
    return this.#phase === 'flowing'
  }

  get isClosed(): boolean {
    return this.#phase === 'closed'
  }

  get isStalled(): boolean {
    return this.#stall.isStalled
  }

  dispatch(event: ConnectionEvent): void {
    const [next, ...actions] = nextConnectionStep(this.#phase, event)
    const wasClosed = this.#phase === 'closed'
    if (actions.includes('say-bye')) this.#of.sayLast([retryBlock(), frameOctets({ event: 'bye', reason: this.#byeReason })])
    if (actions.includes('say-auth-expired')) this.#of.sayLast([retryBlock(), frameOctets({ event: 'auth-expired' })])
    this.#phase = next
    // Before what it does about it: what is let go may fill the socket again, and is watched anew.
    this.#watchStall(event)
    try {
      for (const action of actions) this.#act(action)
    } finally {
      if (next === 'closed' && !wasClosed) this.#of.onClosed()
    }
  }

  /** It may belong to another: asks, and sends nothing until that is known. */
  doubt(): void {
    this.#doubtedAtMs ??= performance.now()
    this.dispatch('doubt')
  }

  /** Ends it, and says why. */
  retire(reason: ByeFrame['reason']): void {
    this.#byeReason = reason
    this.dispatch('retire')
  }

  /** Something was written. */
  wrote(): void {
    this.#quietSinceMs = undefined
  }

  tick(nowMs: number): void {
    const { context, sink } = this.#of
    const { limits } = context
    if (nowMs >= this.#expiresAtMs) return this.dispatch('no-identity')
    if (this.#stall.isStalled && this.#stall.isOverdue(nowMs, sink.waitingMark, limits.maxStallMs)) return this.dispatch('overdue')
    if (nowMs >= this.#retireAtMs) return this.retire('age')
    // In line, asked, and asked anew. A change that comes with each answer would else have it asked for ever.
    const mostDoubtMs = limits.identityMaxAgeMs + 2 * limits.identityTimeoutMs
    if (this.#doubtedAtMs !== undefined && nowMs - this.#doubtedAtMs >= mostDoubtMs) {
      return this.#endUnknown(
        new LiveError(
          'overloaded',
          `For ${mostDoubtMs} ms it was not known whose it is. Is getClient slow, or does it write to the row behind auth()?`,
        ),
      )
    }
    // Not while it is being asked: a new question would be believed instead, and one that is always asked anew is never answered.
    if (!this.#isChecking && nowMs - this.#checkedAtMs >= limits.identityMaxAgeMs) void this.#check()
    this.#quietSinceMs ??= nowMs
    if (nowMs - this.#quietSinceMs >= limits.heartbeatIntervalMs) this.#of.beat()
  }

  #act(action: ConnectionAction): void {
    switch (action) {
      case 'hold':
      case 'release':
      case 'reopen':
        return this.#of.act(action)
      case 'check':
        return void this.#check()
      case 'end':
        return this.#of.sink.end()
      case 'cut':
        this.#of.context.metrics.slowReadersCut++
        return this.#of.sink.destroy()
      case 'say-bye':
      case 'say-auth-expired':
        return
    }
  }

  async #check(): Promise<void> {
    const { metrics } = this.#of.context
    const number = ++this.#checks
    this.#isChecking = true
    this.#checkedAtMs = performance.now()
    metrics.identityChecks++
    let owner: Owner
    try {
      owner = await this.#of.identify()
    } catch (error) {
      if (number !== this.#checks || this.isClosed) return
      this.#isChecking = false
      return this.#endUnknown(error)
    }
    // A later question knows better.
    if (number !== this.#checks || this.isClosed) return
    if (this.#of.isOutdated(owner)) return this.#check()
    this.#isChecking = false
    if (this.#doubtedAtMs !== undefined) observe(metrics.revocationSeconds, (performance.now() - this.#doubtedAtMs) / 1000)
    this.#doubtedAtMs = undefined
    this.dispatch(this.#of.settle(owner))
  }

  /** Nobody knows now whose it is: nothing more is sent, and it comes back after a while, unless nobody is there any more. */
  #endUnknown(error: unknown): void {
    const { identity, context } = this.#of
    const code = errorCodeOf(error)
    context.logger.warn('A stream ended: getClient does not say who it belongs to.', { identity: nameOf(identity), code, error: String(error) })
    return ERROR_CODES[code].isRetryable ? this.retire('overloaded') : this.dispatch('no-identity')
  }

  #watchStall(event: ConnectionEvent): void {
    const { context, sink } = this.#of
    if (event === 'full' && !this.#stall.isStalled && !this.isClosed) {
      this.#stall.begin(performance.now(), sink.waitingMark)
      context.metrics.connectionsStalledNow++
    } else if ((event === 'drained' || this.isClosed) && this.#stall.isStalled) {
      this.#stall.end()
      context.metrics.connectionsStalledNow--
    }
  }
}

/** Says when to come back. */
export function retryBlock(): Octets {
  return octetsOf(encodeRetry(RETRY_MS.least + Math.random() * RETRY_MS.spread))
}

/** How often streams are looked at: often enough for the shortest of the times that count. */
export function tickMs(limits: Limits): number {
  const shortest = Math.min(limits.heartbeatIntervalMs, limits.maxStallMs, limits.identityMaxAgeMs, limits.maxConnectionAgeMs)
  return Math.max(LEAST_TICK_MS, Math.min(MOST_TICK_MS, shortest / 8))
}
