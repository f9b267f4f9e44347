/** Resolves after the delay, or when the signal aborts. */
export function wait(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, delayMs)
    if (signal?.aborted === true) done()
    else signal?.addEventListener('abort', done, { once: true })
  })
}

/** Resolves with the promise, or when the time is up. */
export async function within(promise: Promise<void>, limitMs: number): Promise<void> {
  const timeIsUp = new AbortController()
  await Promise.race([promise, wait(limitMs, timeIsUp.signal)])
  timeIsUp.abort()
}

/**
 * Settles as the promise does; where the signal aborts first, resolves with nothing once the grace is over too. Whoever waited then does
 * nothing more with it: what it still rejects with is nobody's.
 */
export function untilStopped<Value>(promise: Promise<Value>, signal: AbortSignal, graceMs = 0): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const stop = (): void => {
      timer = setTimeout(resolve, graceMs, undefined)
    }
    const settle = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
    void promise.finally(settle).then(resolve, reject)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}
