import { encodeProjectionFrame, ERROR_CODES, type ErrorCode, type ProjectionFrame } from '@zenstack-live/protocol'
import { ConnectionLife, retryBlock, type Living } from '../streams/connection-life.ts'
import type { ConnectionEvent } from '../streams/connection-phase.ts'
import type { EdgeContext } from '../edge-context.ts'
import { idOctets } from '../streams/frame-chunks.ts'
import { nameOf, type Identity } from '../identity/identity.ts'
import type { SettledIdentity } from '../identity/identity-changes.ts'
import { countIn } from '../operations/metrics.ts'
import type { Sink, SinkEvents } from '../streams/sink.ts'
import { octetsOf, type Octets } from '../streams/octets.ts'

export interface ProjectionStreamOptions {
  readonly context: EdgeContext
  /** What it shows, for the log. */
  readonly name: string
  readonly sink: Sink
  readonly settled: SettledIdentity
  readonly expiresAtMs: number | undefined
  /** The text of the position that it resumes after, where that is known. */
  readonly resumedAt: { readonly text: string; readonly position: number } | undefined
  /** Who asks, asked again; `undefined` when they may not read this any more. @throws {LiveError} when nobody is there any more */
  authorize(): Promise<SettledIdentity | undefined>
  /** The frames from a position on; they end when continuity does, or when `signal` aborts. */
  watch(from: number | undefined, signal: AbortSignal): AsyncIterable<ProjectionFrame>
  /** Resolves when every change of its owner's row that came before the frame was told; `false`: that cannot be said. */
  isOwnerKnown(frame: ProjectionFrame): Promise<boolean>
  /** Whether a position still means anything: a new epoch ends them all. */
  isContinued(): boolean
  /** The frame's block, with its id; made once for all who get it. */
  blockOf(frame: ProjectionFrame): { readonly id: string; readonly octets: Octets }
  onClosed(stream: ProjectionStream): void
}

const COMMENT = octetsOf(':\n\n')

/** One stream of one projection to one client: held while its owner is in doubt or its reader is slow. */
export class ProjectionStream implements SinkEvents, Living<SettledIdentity | undefined> {
  readonly #options: ProjectionStreamOptions
  readonly #abort = new AbortController()
  readonly #life: ConnectionLife<SettledIdentity | undefined>
  #settled: SettledIdentity
  #sentId: string
  #position: number | undefined
  #resume: (() => void) | undefined
  #watching = new AbortController()
  /** How often the row behind its owner changed since who that is was last known. */
  #changes = 0

  constructor(options: ProjectionStreamOptions) {
    this.#options = options
    this.#settled = options.settled
    this.#sentId = options.resumedAt?.text ?? ''
    this.#position = options.resumedAt?.position
    this.#life = new ConnectionLife(this)
  }

  get context(): EdgeContext {
    return this.#options.context
  }

  get sink(): Sink {
    return this.#options.sink
  }

  get expiresAtMs(): number | undefined {
    return this.#options.expiresAtMs
  }

  get identity(): Identity {
    return this.#settled.identity
  }

  /** Follows the projection until one side goes away. */
  async run(): Promise<void> {
    this.beat()
    try {
      while (!this.#life.isClosed) {
        const { signal } = (this.#watching = new AbortController())
        for await (const frame of this.#options.watch(this.#position, AbortSignal.any([signal, this.#abort.signal]))) {
          if (!(await this.#options.isOwnerKnown(frame))) this.doubt()
          await this.#untilFlowing()
          if (this.#life.isClosed) return
          if (signal.aborted) break
          this.#write(frame)
        }
        if (!this.#options.isContinued()) this.#position = undefined
      }
    } catch (error) {
      if (this.#life.isClosed) return
      const why = error instanceof Error ? error.message : String(error)
      this.#life.dispatch(this.#end(Reflect.get(Object(error), 'code') === 'limit_exceeded' ? 'overloaded' : 'internal', why))
    }
  }

  onFull(): void {
    this.#life.dispatch('full')
  }

  onRoom(): void {
    this.#life.dispatch('drained')
  }

  onGone(): void {
    this.#life.dispatch('gone')
  }

  /** Does what is due by time. */
  onTick(nowMs: number): void {
    this.#life.tick(nowMs)
  }

  /** Its owner may be another now. */
  doubt(): void {
    this.#life.doubt()
  }

  /** The row behind its owner is another now; `Infinity`: perhaps, and perhaps more than once. */
  onIdentityChange(times = 1): void {
    this.#changes += times
    this.doubt()
  }

  /** The process is going away. */
  leave(): void {
    this.#life.retire('drain')
  }

  /** Asked again also when the identity is the same: what `authorize` reads elsewhere may have changed. */
  identify(): Promise<SettledIdentity | undefined> {
    return this.#options.authorize()
  }

  isOutdated(settled: SettledIdentity | undefined): boolean {
    return settled !== undefined && this.context.identityChanges.isOutdated(settled)
  }

  settle(settled: SettledIdentity | undefined): ConnectionEvent {
    if (settled === undefined) return this.#end('forbidden', 'They may not read it any more.')
    this.#settled = settled
    const changes = this.#changes
    this.#changes = 0
    // The state is the same for everyone who may read it. But between two changes they may have been somebody who may not.
    return changes > 1 ? 'other-identity' : 'same-identity'
  }

  act(action: 'hold' | 'release' | 'reopen'): void {
    if (action === 'reopen') {
      this.#position = undefined
      this.#watching.abort()
    }
    if (action !== 'hold') this.#resume?.()
  }

  sayLast(blocks: readonly Octets[]): void {
    this.#options.sink.write(blocks)
  }

  /** Tells a reader that came back that its position holds, and keeps proxies from closing a quiet stream. */
  beat(): void {
    if (this.#life.isFlowing) this.#send(this.#sentId === '' ? COMMENT : idOctets(this.#sentId))
  }

  onClosed(): void {
    this.#abort.abort()
    this.#resume?.()
    this.#options.onClosed(this)
  }

  /** While it waits here, the projection's own queue grows, and becomes a snapshot when it is too long. */
  async #untilFlowing(): Promise<void> {
    while (!this.#life.isFlowing && !this.#life.isClosed)
      await new Promise<void>((resolve) => {
        this.#resume = resolve
      })
    this.#resume = undefined
  }

  #write(frame: ProjectionFrame): void {
    const { context, blockOf } = this.#options
    const { id, octets } = blockOf(frame)
    this.#sentId = id
    this.#position = frame.kind === 'patch' ? frame.to : frame.position
    context.metrics.framesSent++
    context.metrics.bytesSent += octets.length
    this.#send(octets)
  }

  #send(block: Octets): void {
    this.#life.wrote()
    if (!this.#options.sink.write([block])) this.#life.dispatch('full')
  }

  /** Ends it with an error, where the reader still takes it. */
  #end(code: ErrorCode, why: string): ConnectionEvent {
    const { sink, context, name } = this.#options
    const { logger, metrics } = context
    countIn(metrics.refusals, code)
    const facts = { identity: nameOf(this.identity), projection: name, code, error: why }
    if (code === 'internal') logger.error('A projection could not be shown.', facts)
    else logger.warn('A projection ended with an error.', facts)
    if (this.#life.isStalled) sink.destroy()
    else {
      sink.write([retryBlock(), octetsOf(encodeProjectionFrame({ event: 'error', code, message: ERROR_CODES[code].sentence }))])
      sink.end()
    }
    return 'gone'
  }
}
