import type { Deliver } from './reader/reader-config.ts'
import type { StreamEvent } from './stream-event.ts'

/** Hands events from the readers of a stream to the loop that consumes them. */
export interface EventChannel {
  readonly deliver: Deliver
  /** Acknowledges what was taken last, and takes up to `max` events; `undefined` when the stream has ended. */
  take(max: number): Promise<StreamEvent<unknown>[] | undefined>
  /** Ends it: what was taken last is not acknowledged. */
  end(error?: unknown): void
}

interface Offer {
  event: StreamEvent<unknown>
  signal: AbortSignal
  isFresh: () => boolean
  resolve: () => void
  reject: (reason: Error) => void
}

/** How soon an event is looked at again whose reader waits to hear that it still owns its part. */
const STALE_RETRY_MS = 50

export function createEventChannel(): EventChannel {
  let offers: Offer[] = []
  let taken: Offer[] = []
  let wake: (() => void) | undefined
  let end: { error: unknown } | undefined
  const watched = new WeakSet<AbortSignal>()

  // A reader that ends takes back what nobody has taken yet; what was taken may still be acknowledged while it drains.
  const watch = (signal: AbortSignal): void => {
    if (watched.has(signal)) return
    watched.add(signal)
    const withdraw = (): void => {
      const left = offers.filter((offer) => offer.signal === signal)
      offers = offers.filter((offer) => offer.signal !== signal)
      for (const offer of left) offer.reject(leftError())
    }
    signal.addEventListener('abort', withdraw, { once: true })
  }

  const takeFresh = (max: number): void => {
    const stale: Offer[] = []
    for (let offer = offers.shift(); offer !== undefined; offer = taken.length < max ? offers.shift() : undefined) {
      if (offer.isFresh()) taken.push(offer)
      else stale.push(offer)
    }
    offers.unshift(...stale)
  }

  return {
    deliver: (event, { signal }, isFresh) =>
      new Promise((resolve, reject) => {
        if (end !== undefined || signal.aborted) {
          reject(leftError())
          return
        }
        watch(signal)
        offers.push({ event, signal, isFresh, resolve, reject })
        wake?.()
      }),
    async take(max) {
      for (const offer of taken.splice(0)) offer.resolve()
      for (;;) {
        if (end !== undefined) {
          if (end.error !== undefined) throw end.error
          return undefined
        }
        takeFresh(max)
        if (taken.length > 0) return taken.map(({ event }) => event)
        await woken()
      }
    },
    end(error) {
      end ??= { error }
      for (const offer of [...offers.splice(0), ...taken.splice(0)]) offer.reject(leftError())
      wake?.()
    },
  }

  async function woken(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = offers.length > 0 ? setTimeout(resolve, STALE_RETRY_MS) : undefined
      wake = () => {
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
