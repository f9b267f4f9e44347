import type { EntryId } from '@zenstack-live/protocol'

export interface Scheduled {
  readonly position: EntryId
  readonly key: string
}

/**
 * Which events may start: at most `limit` at a time, those of one key one after the other, in order.
 *
 * Events that were being delivered when a process ended are *suspects*: any of them may have ended it. They are delivered first and
 * alone, so that the others do not take the blame when one does it again.
 */
export class Schedule<Event extends Scheduled> {
  /** Most events that are taken and not finished or postponed. */
  limit: number
  readonly #keepsKeyOrder: boolean
  // The first of each chain is ready, running or postponed; the others wait behind it.
  readonly #chains = new Map<string, Event[]>()
  readonly #suspects = new Set<Event>()
  #ready: Event[] = []
  #head = 0
  #running = 0
  #size = 0

  /** @param keepsKeyOrder - `false` for a consumer that takes events one by one anyway: then only positions count */
  constructor(limit: number, keepsKeyOrder: boolean) {
    this.limit = limit
    this.#keepsKeyOrder = keepsKeyOrder
  }

  get running(): number {
    return this.#running
  }

  /** Waiting, running or postponed. */
  get size(): number {
    return this.#size
  }

  /** Events must be added in the order of their positions. */
  add(event: Event, isSuspect: boolean): void {
    this.#size++
    if (isSuspect) this.#suspects.add(event)
    if (this.#keepsKeyOrder) {
      const chain = this.#chains.get(event.key)
      if (chain !== undefined) {
        chain.push(event)
        return
      }
      this.#chains.set(event.key, [event])
    }
    this.#ready.push(event)
  }

  /** Takes an event that may start now. */
  take(): Event | undefined {
    if (this.#running >= this.limit || this.#head >= this.#ready.length) return undefined
    const event = this.#suspects.size > 0 ? this.#takeSuspect() : this.#shift()
    if (event !== undefined) this.#running++
    return event
  }

  /** It is finished: the next one of its key may start. */
  finish(event: Event): void {
    this.#running--
    this.#size--
    this.#suspects.delete(event)
    if (!this.#keepsKeyOrder) return
    const chain = this.#chains.get(event.key)
    chain?.shift()
    const next = chain?.[0]
    if (next === undefined) this.#chains.delete(event.key)
    else this.#ready.push(next)
  }

  /** It did not succeed, and waits; its key waits with it. */
  postpone(event: Event): void {
    this.#running--
    this.#suspects.delete(event)
  }

  /** The wait is over. */
  retry(event: Event): void {
    this.#ready.push(event)
  }

  #takeSuspect(): Event | undefined {
    if (this.#running > 0) return undefined
    for (let index = this.#head; index < this.#ready.length; index++) {
      const event = this.#ready[index]
      if (event !== undefined && this.#suspects.has(event)) return this.#ready.splice(index, 1)[0]
    }
    // They wait behind others of their key: those go alone too.
    return this.#shift()
  }

  #shift(): Event | undefined {
    const event = this.#ready[this.#head++]
    if (this.#head > 64 && this.#head * 2 > this.#ready.length) {
      this.#ready = this.#ready.slice(this.#head)
      this.#head = 0
    }
    return event
  }
}
