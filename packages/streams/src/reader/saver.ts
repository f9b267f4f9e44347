import { ChangeLogError, type ChangeLog, type DeadLetter, type ReaderLease, type ReaderRecord } from '@zenstack-live/change-log'
import { errorText } from '../error-text.ts'

export interface SaverOptions {
  log: ChangeLog
  lease: ReaderLease
  maxDeadLetters: number | undefined
  record: () => ReaderRecord
  /** Fenced: another process owns the reader now. */
  onLost: (error: Error) => void
  onWarning: (message: string) => void
}

/** What a save carries, or has to report to. */
interface Errands {
  starters: (() => void)[]
  letters: DeadLetter[]
  waiters: (() => void)[]
}

const MAX_RETRY_MS = 1_000

/**
 * Writes a reader's record under its lease: one save at a time, each with all that came up during the last.
 *
 * A save that fails is repeated, with everything it was to carry, until it succeeds, the reader is fenced, or it is closed.
 */
export class Saver {
  readonly #options: SaverOptions
  #errands = noErrands()
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined
  #dueAt = Infinity
  #isSaving = false
  #isClosed = false
  #isAskedAgain = false
  #failures = 0
  #savedAt = performance.now()

  constructor(options: SaverOptions) {
    this.#options = options
  }

  /** Whether the lease, on this process's clock, cannot have run out. */
  get isFresh(): boolean {
    return !this.#isClosed && performance.now() - this.#savedAt < this.#options.lease.leaseMs
  }

  /**
   * Asks for a save.
   *
   * @param delayMs - how long it may wait for company
   */
  request(delayMs: number): void {
    const at = performance.now() + delayMs
    if (this.#isClosed || at >= this.#dueAt) return
    this.#dueAt = at
    clearTimeout(this.#timer)
    if (delayMs <= 0 && !this.#isSaving) this.#due()
    else this.#timer = setTimeout(() => this.#due(), delayMs)
  }

  /** Runs when a save that was begun after this call has succeeded. What is asked for in the same turn travels together. */
  afterSave(then: () => void): void {
    this.#errands.starters.push(then)
    if (this.#isSaving || this.#turn !== undefined) return
    this.#turn = setImmediate(() => {
      this.#turn = undefined
      this.request(0)
    })
  }

  addLetter(letter: DeadLetter): void {
    this.#errands.letters.push(letter)
    if (!this.#isSaving) this.request(0)
  }

  /** Resolves when everything asked for so far is saved, or can no longer be. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isClosed) {
        resolve()
        return
      }
      this.#errands.waiters.push(resolve)
      if (!this.#isSaving) this.request(0)
    })
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    clearImmediate(this.#turn)
    for (const resolve of this.#errands.waiters.splice(0)) resolve()
  }

  #due(): void {
    this.#dueAt = Infinity
    // A save that runs looks for more when it ends.
    if (!this.#isClosed && !this.#isSaving) void this.#save()
    else if (this.#isSaving) this.#isAskedAgain = true
  }

  async #save(): Promise<void> {
    const { log, lease, record, maxDeadLetters } = this.#options
    this.#isSaving = true
    this.#isAskedAgain = false
    const errands = this.#errands
    this.#errands = noErrands()
    const startedAt = performance.now()
    try {
      const update = { record: record(), deadLetters: errands.letters, ...(maxDeadLetters === undefined ? {} : { maxDeadLetters }) }
      const { lettersLost } = await log.readers.save(lease, update)
      if (lettersLost > 0) this.#tellLoss(lettersLost)
      this.#savedAt = startedAt
      this.#failures = 0
      for (const done of [...errands.starters, ...errands.waiters]) done()
    } catch (error) {
      this.#errands = {
        starters: [...errands.starters, ...this.#errands.starters],
        letters: [...errands.letters, ...this.#errands.letters],
        waiters: [...errands.waiters, ...this.#errands.waiters],
      }
      this.#failed(error)
    }
    this.#isSaving = false
    const { starters, letters, waiters } = this.#errands
    const hasMore = this.#isAskedAgain || starters.length + letters.length + waiters.length > 0
    if (hasMore || this.#failures > 0) this.request(this.#failures === 0 ? 0 : Math.min(MAX_RETRY_MS, 50 * 2 ** this.#failures))
  }

  #tellLoss(lettersLost: number): void {
    const { lease, maxDeadLetters, onWarning } = this.#options
    onWarning(
      `The ${lettersLost} oldest dead letters of "${lease.id}" are gone for good: it may keep ${maxDeadLetters} (\`maxDeadLetters\`). Look at why its handler fails.`,
    )
  }

  #failed(error: unknown): void {
    const { lease, onLost, onWarning } = this.#options
    this.#failures++
    if (error instanceof ChangeLogError && error.code === 'reader_fenced') {
      this.close()
      onLost(error)
    } else if (this.#failures === 1) onWarning(`The place of "${lease.id}" could not be saved and is tried again: ${errorText(error)}`)
  }
}

function noErrands(): Errands {
  return { starters: [], letters: [], waiters: [] }
}
