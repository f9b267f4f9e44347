import type { DeliveryContext } from './stream-options.ts'
import type { StreamEvent } from './stream-event.ts'

interface Offer {
  event: StreamEvent<unknown>
  signal: AbortSignal
  isFresh: () => boolean
  resolve: () => void
  reject: (reason: Error) => void
}

/** How soon an event is looked at again whose reader waits to hear that it still owns its part. */
const STALE_RETRY_MS = 50

/** Hands events from the readers of a stream to the loop that consumes them. */
export class EventChannel {
  #offers: Offer[] = []
  #taken: Offer[] = []
  #wake: (() => void) | undefined
  #end: { error: unknown } | undefined
  readonly #watched = new WeakSet<AbortSignal>()

  /** Resolves when the loop has acknowledged the event; rejects when it was left. */
  offer(event: StreamEvent<unknown>, { signal }: DeliveryContext, isFresh: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined || signal.aborted) {
        reject(leftError())
        return
      }
      this.#watch(signal)
      this.#offers.push({ event, signal, isFresh, resolve, reject })
      this.#wake?.()
    })
  }

  /** Acknowledges what was taken last, and takes up to `max` events; `undefined` when the stream has ended. */
  async take(max: number): Promise<StreamEvent<unknown>[] | undefined> {
    for (const offer of this.#taken.splice(0)) offer.resolve()
    for (;;) {
      if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error
        return undefined
      }
      this.#takeFresh(max)
      if (this.#taken.length > 0) return this.#taken.map(({ event }) => event)
      await this.#woken()
    }
  }

  /** Ends it: what was taken last is not acknowledged. */
  end(error?: unknown): void {
    this.#end ??= { error }
    for (const offer of [...this.#offers.splice(0), ...this.#taken.splice(0)]) offer.reject(leftError())
    this.#wake?.()
  }

  #takeFresh(max: number): void {
    const stale: Offer[] = []
    while (this.#taken.length < max) {
      const offer = this.#offers.shift()
      if (offer === undefined) break
      if (offer.isFresh()) this.#taken.push(offer)
      else stale.push(offer)
    }
    this.#offers.unshift(...stale)
  }

  /** A reader that ends takes back what nobody has taken yet; what was taken may still be acknowledged while it drains. */
  #watch(signal: AbortSignal): void {
    if (this.#watched.has(signal)) return
    this.#watched.add(signal)
    const withdraw = (): void => {
      const left = this.#offers.filter((offer) => offer.signal === signal)
      this.#offers = this.#offers.filter((offer) => offer.signal !== signal)
      for (const offer of left) offer.reject(leftError())
    }
    signal.addEventListener('abort', withdraw, { once: true })
  }

  async #woken(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#offers.length > 0 ? setTimeout(resolve, STALE_RETRY_MS) : undefined
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** The readers learn that nobody takes it; it stays unfinished, and is delivered again. */
function leftError(): Error {
  return new Error('The stream was left before this event was acknowledged.')
}
