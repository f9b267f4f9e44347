/** Ends pauses early. Whoever knows of new events calls `wake`; a lost wake-up only costs the rest of the pause. */
export interface Waker {
  wake(): void
  /** Resolves at the next `wake`, after `ms`, or when `signal` aborts. A `wake` since the last pause ends it at once. */
  pause(ms: number, signal?: AbortSignal): Promise<void>
  /** A waker of its own that this one wakes too, until it is closed. */
  child(): Waker & { close(): void }
}

export function createWaker(): Waker {
  return createLinkedWaker(new Set())
}

function createLinkedWaker(children: Set<Waker>): Waker {
  let isAwake = false
  let resume: (() => void) | undefined
  return {
    wake() {
      isAwake = true
      resume?.()
      for (const child of children) child.wake()
    },
    async pause(ms, signal) {
      if (!isAwake && signal?.aborted !== true) {
        await new Promise<void>((resolve) => {
          const finish = (): void => {
            clearTimeout(timer)
            signal?.removeEventListener('abort', finish)
            resume = undefined
            resolve()
          }
          const timer = setTimeout(finish, ms)
          signal?.addEventListener('abort', finish)
          resume = finish
        })
      }
      isAwake = false
    },
    child() {
      const own = createLinkedWaker(new Set())
      children.add(own)
      return { ...own, close: () => void children.delete(own) }
    },
  }
}
