import { ChangeLogError, type ChangeLog, type DeadLetter, type ReaderLease, type ReaderRecord } from '@zenstack-live/change-log'

/** Writes a reader's record under its lease: one save at a time, each with all that came up during the last. */
export interface Saver {
  /**
   * Asks for a save.
   *
   * @param delayMs - how long it may wait for company
   */
  request(delayMs: number): void
  /** Runs when a save that was begun after this call has succeeded. */
  afterSave(then: () => void): void
  addLetter(letter: DeadLetter): void
  /** Resolves when everything asked for so far is saved. */
  flush(): Promise<void>
  /** Whether the lease, on this process's clock, cannot have run out. */
  readonly isFresh: boolean
  close(): void
}

export interface SaverOptions {
  log: ChangeLog
  lease: ReaderLease
  record: () => ReaderRecord
  /** Fenced: another process owns the reader now. */
  onLost: (error: Error) => void
  onWarning: (message: string) => void
}

const MAX_RETRY_MS = 1_000

export function createSaver({ log, lease, record, onLost, onWarning }: SaverOptions): Saver {
  let starters: (() => void)[] = []
  let letters: DeadLetter[] = []
  let waiters: (() => void)[] = []
  let timer: NodeJS.Timeout | undefined
  let dueAt = Infinity
  let isSaving = false
  let isClosed = false
  let failures = 0
  let savedAt = performance.now()

  const save = async (): Promise<void> => {
    isSaving = true
    const [startersNow, lettersNow, waitersNow] = [starters, letters, waiters]
    starters = []
    letters = []
    waiters = []
    const startedAt = performance.now()
    try {
      await log.readers.save(lease, { record: record(), deadLetters: lettersNow })
      savedAt = startedAt
      failures = 0
      for (const then of startersNow) then()
      for (const resolve of waitersNow) resolve()
    } catch (error) {
      starters = [...startersNow, ...starters]
      letters = [...lettersNow, ...letters]
      waiters = [...waitersNow, ...waiters]
      handleFailure(error)
    } finally {
      isSaving = false
      if (starters.length > 0 || letters.length > 0 || waiters.length > 0) request(failures === 0 ? 0 : Math.min(MAX_RETRY_MS, 50 * 2 ** failures))
    }
  }

  const handleFailure = (error: unknown): void => {
    failures++
    if (error instanceof ChangeLogError && error.code === 'reader_fenced') {
      close()
      onLost(error)
    } else if (failures === 1) onWarning(`The place of "${lease.id}" could not be saved and is tried again: ${String(error)}`)
  }

  const request = (delayMs: number): void => {
    const at = performance.now() + delayMs
    if (isClosed || at >= dueAt) return
    dueAt = at
    clearTimeout(timer)
    if (delayMs <= 0 && !isSaving) {
      dueAt = Infinity
      void save()
      return
    }
    timer = setTimeout(due, delayMs)
  }

  const due = (): void => {
    dueAt = Infinity
    if (isClosed) return
    if (isSaving) request(1)
    else void save()
  }

  const close = (): void => {
    isClosed = true
    clearTimeout(timer)
    for (const resolve of waiters.splice(0)) resolve()
  }

  return {
    request,
    afterSave(then) {
      starters.push(then)
      if (!isSaving) request(0)
    },
    addLetter(letter) {
      letters.push(letter)
      if (!isSaving) request(0)
    },
    flush() {
      return new Promise((resolve) => {
        if (isClosed) {
          resolve()
          return
        }
        waiters.push(resolve)
        if (!isSaving) request(0)
      })
    },
    get isFresh() {
      return !isClosed && performance.now() - savedAt < lease.leaseMs
    },
    close,
  }
}
