import type { ErrorCode } from '@zenstack-live/protocol'
import { INITIAL_STATE, transition, type ConnectionEvent, type ConnectionState, type Effect } from './connection-machine.ts'
import type { ClientLimits } from './limits.ts'

/** What the machine's effects do to the streams of one connection. */
export interface MachineHooks {
  hasDemand(): boolean
  openCurrent(): void
  openNext(): void
  closeCurrent(): void
  closeNext(): void
  /** The successor takes the place of the current stream. */
  promote(): void
  refresh(): Promise<boolean>
  poll(): Promise<ErrorCode | undefined>
  /** The event was dealt with, effects included. */
  stepped(before: ConnectionState, event: ConnectionEvent): void
}

export interface MachineOptions {
  readonly limits: ClientLimits
  readonly random: () => number
  readonly isOnline: () => boolean
}

/** Runs the connection machine: one event after the other, one timer; an answer that comes after the next effect is not heard. */
export class MachineRunner {
  readonly #options: MachineOptions
  readonly #hooks: MachineHooks
  #state: ConnectionState = INITIAL_STATE
  #timer: ReturnType<typeof setTimeout> | undefined
  #queue: ConnectionEvent[] = []
  #isDispatching = false
  #work = 0

  constructor(options: MachineOptions, hooks: MachineHooks) {
    this.#options = options
    this.#hooks = hooks
  }

  get state(): ConnectionState {
    return this.#state
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
    const { random, limits, isOnline } = this.#options
    const before = this.#state
    const step = transition(before, event, { hasDemand: this.#hooks.hasDemand(), isOnline: isOnline(), random, limits })
    this.#state = step.state
    for (const effect of step.effects) this.#run(effect)
    this.#hooks.stepped(before, event)
  }

  #run(effect: Effect): void {
    if (effect.do === 'timer') return this.#setTimer(effect.afterMs)
    const work = ++this.#work
    const isCurrent = (): boolean => work === this.#work
    const hooks = this.#hooks
    switch (effect.do) {
      case 'open-current':
        return hooks.openCurrent()
      case 'open-next':
        return hooks.openNext()
      case 'close-current':
        return hooks.closeCurrent()
      case 'close-next':
        return hooks.closeNext()
      case 'promote':
        return hooks.promote()
      case 'clear-timer':
        return clearTimeout(this.#timer)
      case 'refresh':
        void hooks.refresh().then((isRefreshed) => isCurrent() && this.dispatch({ kind: isRefreshed ? 'refreshed' : 'refresh-failed' }))
        return
      case 'poll':
        void hooks.poll().then((code) => isCurrent() && this.dispatch(pollEvent(code)))
    }
  }

  #setTimer(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.dispatch({ kind: 'due' }), ms)
  }
}

function pollEvent(code: ErrorCode | undefined): ConnectionEvent {
  if (code === undefined) return { kind: 'polled' }
  return code === 'unauthenticated' ? { kind: 'auth-expired' } : { kind: 'refused', code }
}
