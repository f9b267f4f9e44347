import { INITIAL_STATE, transition, type ConnectionEvent, type ConnectionState, type Deed, type Effect } from './connection-machine.ts'
import type { ClientLimits } from './limits.ts'

/** Who does what the machine decides. What takes time says with an event how it went. */
export interface MachineHooks extends Readonly<Record<Exclude<Deed, 'refresh' | 'poll'>, () => void>> {
  refresh(): Promise<ConnectionEvent>
  poll(): Promise<ConnectionEvent>
  hasDemand(): boolean
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
    clearTimeout(this.#timer)
    if (effect === 'clearTimer') return
    if (typeof effect === 'object') {
      this.#timer = setTimeout(() => this.dispatch({ kind: 'due' }), effect.timerMs)
      return
    }
    const work = ++this.#work
    void this.#hooks[effect]()?.then((event) => work === this.#work && this.dispatch(event))
  }
}
