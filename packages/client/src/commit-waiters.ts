import type { Lsn } from '@zenstack-live/protocol'

/** Those who wait until what is shown holds a commit. */
export class CommitWaiters {
  readonly #waitMs: number
  readonly #hasPassed: (lsn: Lsn) => boolean
  readonly #checks = new Set<(isOver: boolean) => void>()

  constructor(waitMs: number, hasPassed: (lsn: Lsn) => boolean) {
    this.#waitMs = waitMs
    this.#hasPassed = hasPassed
  }

  /** Resolves `true` when the commit is shown, `false` when that takes longer than the wait, or nobody will see it any more. */
  whenPassed(lsn: Lsn): Promise<boolean> {
    return new Promise((resolve) => {
      const check = (isOver: boolean): void => {
        const hasPassed = this.#hasPassed(lsn)
        if (!hasPassed && !isOver) return
        clearTimeout(timer)
        this.#checks.delete(check)
        resolve(hasPassed)
      }
      const timer = setTimeout(check, this.#waitMs, true)
      this.#checks.add(check)
      check(false)
    })
  }

  /**
   * What is shown moved on.
   *
   * @param isOver - nobody will see more of it
   */
  review(isOver = false): void {
    for (const check of this.#checks) check(isOver)
  }
}
