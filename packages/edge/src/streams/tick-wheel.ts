/** What has something due by time. */
export interface Ticking {
  onTick(nowMs: number): void
}

const SLOTS = 16

/**
 * One timer for thousands of streams. Each is looked at once in a turn, a sixteenth of them at a time: to look at all at once would keep
 * what is to be written waiting.
 */
export class TickWheel {
  readonly #slots = Array.from({ length: SLOTS }, () => new Set<Ticking>())
  readonly #timer: NodeJS.Timeout
  #next = 0

  /** @param turnMs - how often each is looked at. @param onStep - called after each part */
  constructor(turnMs: number, onStep: () => void = () => {}) {
    let at = 0
    const step = (): void => {
      const nowMs = performance.now()
      for (const item of this.#slots[at++ % SLOTS] ?? []) item.onTick(nowMs)
      onStep()
    }
    this.#timer = setInterval(step, turnMs / SLOTS).unref()
  }

  add(item: Ticking): void {
    this.#slots[this.#next++ % SLOTS]?.add(item)
  }

  delete(item: Ticking): void {
    for (const slot of this.#slots) if (slot.delete(item)) return
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
