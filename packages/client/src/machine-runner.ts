import {
  INITIAL_STATE,
  transition,
  type ConnectionEvent,
  type ConnectionState,
  type Deed,
  type Effect,
  type StateKind,
} from './connection-machine.ts'
import type { ClientLimits } from './limits.ts'
import { isOnline } from './page-events.ts'

export interface MachineOptions {
  readonly limits: ClientLimits
  readonly random: () => number
}

/** The streams of a connection: the one in use, and its successor while that opens. */
export interface StreamPair<Stream> {
  current: Stream | undefined
  next: Stream | undefined
}

interface AnyStream {
  readonly lastByteAt: number
  close(): void
}

/** Runs the connection machine: one event after the other, one timer; an answer that comes after the next effect is not heard. */
export abstract class MachineRunner<Stream extends AnyStream> {
  protected readonly streams: StreamPair<Stream> = { current: undefined, next: undefined }
  readonly #options: MachineOptions
  #state: ConnectionState
  #timer: ReturnType<typeof setTimeout> | undefined
  #queue: ConnectionEvent[] = []
  #isDispatching = false
  #work = new AbortController()

  constructor(options: MachineOptions, state: ConnectionState = INITIAL_STATE) {
    this.#options = options
    this.#state = state
  }

  protected abstract hasDemand(): boolean
  protected abstract open(): Stream
  /** The stream in use gives way to another one, or to none. */
  protected abstract onReplace(by: Stream | undefined): void
  /** Says with an event how it went. */
  protected abstract refresh(): Promise<ConnectionEvent>
  /** Says with an event how it went. `signal` ends what takes too long, or what nobody waits for any more. */
  protected abstract poll(signal: AbortSignal): Promise<ConnectionEvent>
  /** The event was dealt with, effects included. */
  protected abstract onStep(before: ConnectionState, event: ConnectionEvent): void

  get state(): ConnectionState {
    return this.#state
  }

  get kind(): StateKind {
    return this.#state.kind
  }

  /** Since the stream in use brought something. */
  quietMs(): number {
    const { current } = this.streams
    return current === undefined ? 0 : Date.now() - current.lastByteAt
  }

  dispatch(event: ConnectionEvent): void {
    this.#queue.push(event)
    if (this.#isDispatching) return
    this.#isDispatching = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#step(next)
    } finally {
      this.#isDispatching = false
    }
  }

  #step(event: ConnectionEvent): void {
    const before = this.#state
    const step = transition(before, event, { ...this.#options, hasDemand: this.hasDemand(), isOnline: isOnline() })
    this.#state = step.state
    for (const effect of step.effects) this.#run(effect)
    this.onStep(before, event)
  }

  #run(effect: Effect): void {
    clearTimeout(this.#timer)
    if (effect === 'clearTimer') return
    if (typeof effect === 'object') {
      this.#timer = setTimeout(() => this.dispatch({ kind: 'due' }), effect.timerMs)
      return
    }
    this.#work.abort()
    const work = (this.#work = new AbortController())
    void this.#do(effect, work)?.then((event) => work === this.#work && this.dispatch(event))
  }

  #do(deed: Deed, work: AbortController): Promise<ConnectionEvent> | undefined {
    const { streams } = this
    if (deed === 'refresh') return this.refresh()
    if (deed === 'poll') {
      this.#timer = setTimeout(() => work.abort(), this.#options.limits.openTimeoutMs)
      return this.poll(work.signal)
    }
    if (deed === 'openCurrent') streams.current = this.open()
    else if (deed === 'openNext') streams.next = this.open()
    else {
      if (deed !== 'closeNext') this.#replaceCurrent(deed === 'promote' ? streams.next : undefined)
      if (deed !== 'promote') streams.next?.close()
      streams.next = undefined
    }
    return undefined
  }

  #replaceCurrent(stream: Stream | undefined): void {
    this.onReplace(stream)
    this.streams.current?.close()
    this.streams.current = stream
  }
}
