import type { Lsn } from '@zenstack-live/protocol'
import { withResolvers } from './with-resolvers.ts'

/** Those who wait until what is shown holds a commit. */
export class CommitWaiters {
  readonly #waitMs: number
  readonly #hasPassed: (lsn: Lsn) => boolean
  readonly #waiting = new Set<{ readonly lsn: Lsn; readonly resolve: (hasPassed: boolean) => void }>()

  constructor(waitMs: number, hasPassed: (lsn: Lsn) => boolean) {
    this.#waitMs = waitMs
    this.#hasPassed = hasPassed
  }

  /** Resolves `true` when the commit is shown, `false` when that takes longer than the wait, or nobody will see it any more. */
  async whenPassed(lsn: Lsn): Promise<boolean> {
    if (this.#hasPassed(lsn)) return true
    const { promise, resolve } = withResolvers<boolean>()
    const waiter = { lsn, resolve }
    this.#waiting.add(waiter)
    const timer = setTimeout(() => resolve(false), this.#waitMs)
    return promise.finally(() => {
      clearTimeout(timer)
      this.#waiting.delete(waiter)
    })
  }

  /** What is shown moved on. */
  review(): void {
    for (const { lsn, resolve } of this.#waiting) if (this.#hasPassed(lsn)) resolve(true)
  }

  giveUp(): void {
    for (const { resolve } of this.#waiting) resolve(false)
  }
}
