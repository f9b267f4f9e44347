import type { ReaderConfig } from './reader-config.ts'
import type { Saver } from './saver.ts'

export interface ArmedEventsOptions<Event> {
  concurrency: number
  saver: Pick<Saver, 'isFresh' | 'afterSave'>
  isStopping: () => boolean
  /** Nothing where the handler is through already. */
  deliver: (event: Event) => Promise<void> | undefined
  /** Its turn did not come: the reader ends. */
  giveBack: (event: Event) => void
}

/**
 * Events whose delivery is counted and saved, in the order in which they get a handler.
 *
 * Quick handlers have them counted before it is their turn, so that one save counts many and a free handler does not wait for it.
 */
export class ArmedEvents<Event> {
  readonly #options: ArmedEventsOptions<Event>
  readonly #waiting: Event[] = []
  #running = 0

  constructor(options: ArmedEventsOptions<Event>) {
    this.#options = options
  }

  add(event: Event): void {
    this.#waiting.push(event)
    this.start()
  }

  /** Starts what may start, or gives everything back when the reader ends. */
  start(): void {
    const { concurrency, saver, isStopping, deliver, giveBack } = this.#options
    if (isStopping()) {
      for (const event of this.#waiting.splice(0)) giveBack(event)
      return
    }
    while (this.#waiting.length > 0 && this.#running < concurrency) {
      // In a process that slept the lease may have run out since it was counted.
      if (!saver.isFresh) {
        saver.afterSave(() => this.start())
        return
      }
      const event = this.#waiting.shift()
      if (event === undefined) return
      const delivering = deliver(event)
      if (delivering === undefined) continue
      this.#running++
      void delivering.finally(() => {
        this.#running--
        this.start()
      })
    }
  }
}

/**
 * How many events to count beyond those that run: as many as will finish during a save, by what finished during the last, and more while
 * they become more. Where the first delivery is the last, none may be counted that does not begin.
 */
export function countAhead({ retries, limits }: Pick<ReaderConfig, 'retries' | 'limits'>, finishedDuringSave: number): number {
  if (retries === undefined || retries.maxDeliveries === 1) return 0
  return Math.min(2 * finishedDuringSave, limits.countedAhead)
}
