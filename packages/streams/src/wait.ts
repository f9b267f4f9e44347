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
