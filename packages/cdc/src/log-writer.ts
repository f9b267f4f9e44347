import { makeEntryId, type LogBatch, type Lsn } from '@zenstack-live/protocol'
import type { AssembledBatch } from './assembler.ts'
import type { KeptPoint } from './confirm-delay.ts'
import type { CaptureSink } from './sink.ts'

export interface LogWriterOptions {
  sink: Pick<CaptureSink, 'write'>
  epoch: number
  /** What the log already holds. */
  keptLsn: Lsn
  maxPendingBytes: number
  maxEntriesPerWrite: number
  progressIntervalMs: number
  /** Called when something was kept: with the place up to which the log has everything, where it says so, and the time of the commit there. */
  onKept: (point: KeptPoint | undefined, commitTimeMs: number | undefined) => void
  /** The log cannot keep up (`false`), or can again (`true`). */
  onRoom: (hasRoom: boolean) => void
  onError: (error: unknown) => void
  /** Milliseconds, on a clock that is never set. */
  now: () => number
}

/**
 * Hands batches to the log in order, one call at a time: whatever was committed while a call was under way goes with the next one.
 * A progress mark follows when nothing else would say how far the log reaches.
 */
export class LogWriter {
  readonly #options: LogWriterOptions
  #queue: AssembledBatch[] = []
  #queuedBytes = 0
  #queuedLsn: Lsn
  #keptLsn: Lsn
  #progress: KeptPoint
  #isProgressUrgent = false
  #lastProgressMs = -Infinity
  #isScheduled = false
  #isWriting = false
  #isClosed = false
  #hasRoom = true

  constructor(options: LogWriterOptions) {
    this.#options = options
    this.#keptLsn = options.keptLsn
    this.#queuedLsn = options.keptLsn
    this.#progress = { lsn: options.keptLsn, lastCommitLsn: null }
  }

  /** The log has everything up to here. */
  get keptLsn(): Lsn {
    return this.#keptLsn
  }

  /** The log will have everything up to here, when all that was pushed is kept. */
  get reachedLsn(): Lsn {
    return this.#queuedLsn
  }

  push(batch: AssembledBatch): void {
    this.#queue.push(batch)
    this.#queuedBytes += batch.bytes
    if (batch.endLsn > this.#queuedLsn) this.#queuedLsn = batch.endLsn
    if (this.#hasRoom && this.#queuedBytes > this.#options.maxPendingBytes) {
      this.#hasRoom = false
      this.#options.onRoom(false)
    }
    this.#schedule()
  }

  /** Everything up to the point was pushed. A mark says so at once when it is urgent, else once in a while. */
  progress(point: KeptPoint, isUrgent: boolean): void {
    if (point.lsn > this.#progress.lsn) this.#progress = point
    if (isUrgent) this.#isProgressUrgent = true
    if (isUrgent || this.#isProgressDue()) this.#schedule()
  }

  /** Nothing is handed over any more; a call under way is not waited for. */
  close(): void {
    this.#isClosed = true
    this.#queue = []
  }

  // A microtask runs after all messages of one piece of the socket are read: commits that came together go together.
  #schedule(): void {
    if (this.#isScheduled || this.#isWriting || this.#isClosed) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#run().catch(this.#options.onError)
    })
  }

  async #run(): Promise<void> {
    if (this.#isWriting) return
    this.#isWriting = true
    try {
      for (;;) {
        const taken = this.#take()
        const mark = this.#queue.length === 0 ? this.#takeMark() : undefined
        if (this.#isClosed || (taken.length === 0 && mark === undefined)) return
        await this.#write(taken, mark)
      }
    } finally {
      this.#isWriting = false
    }
  }

  async #write(taken: readonly AssembledBatch[], mark: KeptPoint | undefined): Promise<void> {
    const { sink, epoch, onKept } = this.#options
    const batches: LogBatch[] = taken.map(({ batch }) => batch)
    if (mark !== undefined) batches.push({ entries: [{ kind: 'progress', id: makeEntryId(epoch, mark.lsn, 0), lsn: mark.lsn }] })
    await sink.write(batches)
    if (this.#isClosed) return
    const last = taken.at(-1)
    const reached = mark?.lsn ?? last?.endLsn
    // Repeats of what the log already had do not take it back.
    if (reached !== undefined && reached > this.#keptLsn) this.#keptLsn = reached
    // A schema mark stands just in front of the end of a commit: whoever says to Postgres that it was kept is not sent that commit again.
    const commit = taken.findLast(({ commitTimeMs }) => commitTimeMs !== undefined)
    onKept(mark ?? (commit && { lsn: commit.endLsn, lastCommitLsn: commit.endLsn.toString() }), last?.commitTimeMs)
    for (const { bytes } of taken) this.#queuedBytes -= bytes
    if (!this.#hasRoom && this.#queuedBytes <= this.#options.maxPendingBytes / 2) {
      this.#hasRoom = true
      this.#options.onRoom(true)
    }
  }

  #take(): AssembledBatch[] {
    let entries = 0
    const count = this.#queue.findIndex(({ batch }, index) => {
      entries += batch.entries.length
      return index > 0 && entries > this.#options.maxEntriesPerWrite
    })
    return this.#queue.splice(0, count < 0 ? this.#queue.length : count)
  }

  // A commit may begin exactly where the log already stands, so a mark is only good above all that was queued.
  #takeMark(): KeptPoint | undefined {
    if (this.#progress.lsn <= this.#queuedLsn) {
      this.#isProgressUrgent = false
      return undefined
    }
    if (!this.#isProgressUrgent && !this.#isProgressDue()) return undefined
    this.#isProgressUrgent = false
    this.#lastProgressMs = this.#options.now()
    this.#queuedLsn = this.#progress.lsn
    return this.#progress
  }

  #isProgressDue(): boolean {
    return this.#options.now() - this.#lastProgressMs >= this.#options.progressIntervalMs
  }
}
