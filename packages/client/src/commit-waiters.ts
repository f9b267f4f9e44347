import type { Lsn } from '@zenstack-live/protocol'

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
  whenPassed(lsn: Lsn): Promise<boolean> {
    return new Promise((done) => {
      const resolve = (hasPassed: boolean): void => {
        clearTimeout(timer)
        this.#waiting.delete(waiter)
        done(hasPassed)
      }
      const waiter = { lsn, resolve }
      const timer = setTimeout(() => resolve(false), this.#waitMs)
      this.#waiting.add(waiter)
      this.review()
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
