import {
  encodeProjectionFrame,
  encodeRetry,
  ERROR_CODES,
  errorCodeOf,
  type ByeFrame,
  type ErrorCode,
  type ProjectionFrame,
} from '@zenstack-live/protocol'
import { nextConnectionStep, type ConnectionAction, type ConnectionEvent, type ConnectionPhase } from './connection-phase.ts'
import type { EdgeContext } from './edge-context.ts'
import { idBytes } from './frame-chunks.ts'
import type { SettledIdentity } from './identity-changes.ts'
import { countIn } from './metrics.ts'
import type { Sink } from './sink.ts'

export interface ProjectionStreamOptions {
  readonly context: EdgeContext
  readonly sink: Sink
  readonly settled: SettledIdentity
  /** The text of the position that it resumes after, where that is known. */
  readonly resumedAt: { readonly text: string; readonly position: number } | undefined
  /** Who asks, asked again; `undefined` when they may not read this any more. @throws {LiveError} when nobody is there any more */
  authorize(): Promise<SettledIdentity | undefined>
  /** The frames from a position on; they end when continuity does, or when `signal` aborts. */
  watch(from: number | undefined, signal: AbortSignal): AsyncIterable<ProjectionFrame>
  /** Whether a position still means anything: a new epoch ends them all. */
  isContinued(): boolean
  /** The frame's block, with its id; made once for all who get it. */
  blockOf(frame: ProjectionFrame): { readonly id: string; readonly bytes: Buffer }
  onClosed(stream: ProjectionStream): void
}

const RETRY_MS = { least: 500, spread: 3_000 }
const COMMENT = Buffer.from(':\n\n', 'latin1')

/** One stream of one projection to one client. It lives as a {@link ConnectionPhase} says: held while its owner is in doubt or its reader is slow. */
export class ProjectionStream {
  readonly #options: ProjectionStreamOptions
  readonly #abort = new AbortController()
  #settled: SettledIdentity
  #phase: ConnectionPhase = 'flowing'
  #sentId: string
  #position: number | undefined
  #byeReason: ByeFrame['reason'] = 'drain'
  #checks = 0
  #resume: (() => void) | undefined
  #cancelStall: (() => void) | undefined
  readonly #timers = new Map<string, () => void>()

  constructor(options: ProjectionStreamOptions) {
    this.#options = options
    this.#settled = options.settled
    this.#sentId = options.resumedAt?.text ?? ''
    this.#position = options.resumedAt?.position
    const { limits, wheel } = options.context
    this.#every('heartbeat', limits.heartbeatIntervalMs, () => this.#writeId())
    // Asked again also when the identity is the same: what `authorize` reads elsewhere may have changed.
    this.#every('identity', limits.identityMaxAgeMs, () => void this.#check())
    const retire = wheel.after(limits.maxConnectionAgeMs * (1 - Math.random() / 10), () => {
      this.#byeReason = 'age'
      this.dispatch('retire')
    })
    this.#timers.set('age', retire)
  }

  get settled(): SettledIdentity {
    return this.#settled
  }

  /** Follows the projection until one side goes away. */
  async run(): Promise<void> {
    this.#writeId()
    try {
      while (this.#phase !== 'closed') {
        for await (const frame of this.#options.watch(this.#position, this.#abort.signal)) {
          await this.#untilFlowing()
          if (!this.#isOpen()) return
          this.#write(frame)
        }
        if (!this.#options.isContinued()) this.#position = undefined
      }
    } catch (error) {
      if (!this.#isOpen()) return
      this.#options.context.logger.error('A projection could not be shown.', { error: error instanceof Error ? error.message : String(error) })
      this.#end(Reflect.get(Object(error), 'code') === 'limit_exceeded' ? 'overloaded' : 'internal')
    }
  }

  dispatch(event: ConnectionEvent): void {
    const [next, ...actions] = nextConnectionStep(this.#phase, event)
    const wasClosed = this.#phase === 'closed'
    const last = actions.find((action) => action === 'say-bye' || action === 'say-auth-expired')
    if (last !== undefined) this.#sayLast(last)
    this.#phase = next
    for (const action of actions) this.#act(action)
    this.#watchStall(event)
    if (next === 'flowing') this.#resume?.()
    if (next === 'closed' && !wasClosed) this.#close()
  }

  #isOpen(): boolean {
    return this.#phase !== 'closed'
  }

  /** While it waits here, the projection's own queue grows, and becomes a snapshot when it is too long. */
  async #untilFlowing(): Promise<void> {
    while (this.#phase !== 'flowing' && this.#isOpen())
      await new Promise<void>((resolve) => {
        this.#resume = resolve
      })
    this.#resume = undefined
  }

  #write(frame: ProjectionFrame): void {
    const { context, sink, blockOf } = this.#options
    const { id, bytes } = blockOf(frame)
    this.#sentId = id
    this.#position = frame.kind === 'patch' ? frame.to : frame.position
    context.metrics.framesSent++
    context.metrics.bytesSent += bytes.length
    if (!sink.write([bytes])) this.dispatch('full')
  }

  /** Tells a reader that came back that its position holds, and keeps proxies from closing a quiet stream. */
  #writeId(): void {
    if (this.#phase !== 'flowing') return
    if (!this.#options.sink.write([this.#sentId === '' ? COMMENT : idBytes(this.#sentId)])) this.dispatch('full')
  }

  async #check(): Promise<void> {
    const { context, authorize } = this.#options
    const number = ++this.#checks
    context.metrics.identityChecks++
    let settled: SettledIdentity | undefined
    try {
      settled = await authorize()
    } catch (error) {
      if (number !== this.#checks || !this.#isOpen()) return
      context.logger.warn('A stream ended: getClient does not say who it belongs to.', { error: String(error) })
      if (!ERROR_CODES[errorCodeOf(error)].isRetryable) return this.dispatch('no-identity')
      this.#byeReason = 'overloaded'
      return this.dispatch('retire')
    }
    // A later question knows better.
    if (number !== this.#checks || !this.#isOpen()) return
    if (settled === undefined) return this.#end('forbidden')
    this.#settled = settled
    // The state is the same for everyone who may read it.
    this.dispatch('same-identity')
  }

  #act(action: ConnectionAction): void {
    if (action === 'check') void this.#check()
    else if (action === 'end') this.#options.sink.end()
    else if (action === 'cut') {
      this.#options.context.metrics.slowReadersCut++
      this.#options.sink.destroy()
    }
  }

  #sayLast(action: ConnectionAction): void {
    const frame = encodeProjectionFrame(action === 'say-bye' ? { event: 'bye', reason: this.#byeReason } : { event: 'auth-expired' })
    this.#options.sink.write([Buffer.from(retryText() + frame, 'utf8')])
  }

  #end(code: ErrorCode): void {
    const { sink, context } = this.#options
    countIn(context.metrics.refusals, code)
    const isStalled = this.#phase === 'stalled' || this.#phase === 'stalled-checking'
    const frame = encodeProjectionFrame({ event: 'error', code, message: ERROR_CODES[code].sentence })
    if (isStalled) sink.destroy()
    else {
      sink.write([Buffer.from(retryText() + frame, 'utf8')])
      sink.end()
    }
    this.dispatch('gone')
  }

  #watchStall(event: ConnectionEvent): void {
    if (event !== 'full' && event !== 'drained') return
    this.#cancelStall?.()
    const { limits, wheel } = this.#options.context
    this.#cancelStall = event === 'full' ? wheel.after(limits.maxStallMs, () => this.dispatch('overdue')) : undefined
  }

  #every(name: string, intervalMs: number, call: () => void): void {
    const again = (): void => {
      if (!this.#isOpen()) return
      call()
      this.#timers.set(name, this.#options.context.wheel.after(intervalMs, again))
    }
    this.#timers.set(name, this.#options.context.wheel.after(intervalMs, again))
  }

  #close(): void {
    this.#abort.abort()
    this.#resume?.()
    this.#cancelStall?.()
    for (const cancel of this.#timers.values()) cancel()
    this.#options.onClosed(this)
  }
}

function retryText(): string {
  return encodeRetry(RETRY_MS.least + Math.random() * RETRY_MS.spread)
}
