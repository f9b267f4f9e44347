import type { ChangeLog } from '@zenstack-live/change-log'
import type { DataModel } from '@zenstack-live/model'
import {
  errorCodeOf,
  FIRST_ENTRY_ID,
  formatLsn,
  LiveError,
  type EntryId,
  type Limits,
  type LogEntry,
  type Lsn,
  type ResetReason,
} from '@zenstack-live/protocol'
import { Assembler } from './assembler.ts'
import { createHistory, type History } from './history.ts'
import type { LogName, Place } from './place.ts'
import { ReadBack } from './read-back.ts'
import type { Transaction } from './transaction.ts'

/** What the hub tells, in the order of the log. */
export interface HubListener {
  onTransaction(transaction: Transaction): void
  /** All that one read of the log brought has been told; the head has moved. */
  onBatchEnd(): void
  /** Continuity ended: nothing held from before can be continued. */
  onReset(reason: ResetReason): void
}

export interface HubOptions {
  log: ChangeLog
  data: DataModel
  limits: Limits
  /** How long ago reading begins: before every commit that snapshots may not show yet. */
  lookBackMs: number
  /** Asks that the log pass a place soon, also on an idle database. */
  nudge(): void
  onError(error: unknown): void
}

const RETRY_MS = 500
const ZERO = 0n as Lsn

/** The one reader of the change log in this process. */
export class Hub {
  readonly history: History
  readonly #options: HubOptions
  readonly #abort = new AbortController()
  readonly #listeners: HubListener[] = []
  readonly #waiting = new Map<() => void, Lsn>()
  /** Tells those who wait in {@link passed} that the end came first. */
  readonly #unpassed = new Set<() => void>()
  readonly #readBack: ReadBack
  #assembler: Assembler
  #epoch: number
  #era = 0
  #following: Promise<void> | undefined

  private constructor(options: HubOptions, start: { place: Place; isMidway: boolean; epoch: number }) {
    this.#options = options
    this.#epoch = start.epoch
    this.history = createHistory(start.place, options.limits)
    this.#assembler = new Assembler(options.data, start.isMidway)
    this.#readBack = new ReadBack(options)
  }

  /** Begins behind the end of the log, reads up to it, and goes on by itself. @throws {ChangeLogError} `log_unavailable` */
  static async open(options: HubOptions): Promise<Hub> {
    const { epoch } = await options.log.state()
    const hub = new Hub(options, { ...(await startingPlace(options.log, options.lookBackMs)), epoch })
    await hub.#readAhead()
    hub.#following = hub.#follow()
    return hub
  }

  get log(): LogName {
    return { identity: this.#options.log.identity, epoch: this.#epoch }
  }

  /** Rises when continuity ends: work begun before is worth nothing after. */
  get era(): number {
    return this.#era
  }

  listen(listener: HubListener): void {
    this.#listeners.push(listener)
  }

  /** Calls back once the log has passed this place of the write-ahead log; at once when it has. @returns what takes it back */
  whenPassed(lsn: Lsn, then: () => void): () => void {
    if (this.history.head.lsn >= lsn) {
      then()
      return () => {}
    }
    this.#waiting.set(then, lsn)
    return () => void this.#waiting.delete(then)
  }

  /**
   * Resolves when the log has passed a place, which it is helped to do on an idle database.
   *
   * @throws {LiveError} `log_unavailable` when that takes longer than `databaseTimeoutMs` (the capture stands still), or the hub is closed
   */
  passed(lsn: Lsn): Promise<void> {
    if (this.history.head.lsn >= lsn) return Promise.resolve()
    const { nudge, limits } = this.#options
    nudge()
    return new Promise((resolve, reject) => {
      const giveUp = (why: string): void => {
        done()
        reject(new LiveError('log_unavailable', `The change log has not reached ${formatLsn(lsn)} ${why}`))
      }
      const onClosed = (): void => giveUp('before the edge was closed.')
      const timer = setTimeout(() => giveUp(`in ${limits.databaseTimeoutMs} ms. Is a capture running?`), limits.databaseTimeoutMs)
      const cancel = this.whenPassed(lsn, () => {
        done()
        resolve()
      })
      const done = (): void => {
        clearTimeout(timer)
        cancel()
        this.#unpassed.delete(onClosed)
      }
      this.#unpassed.add(onClosed)
      if (this.#abort.signal.aborted) onClosed()
    })
  }

  /**
   * All transactions from a point up to the head, from memory or the log; `undefined` when they are not all there, or continuity
   * ended on the way.
   *
   * @param use - called with them before the head can move: what is decided there is complete
   */
  async since<Result>(entry: EntryId, use: (transactions: Transaction[] | undefined) => Result): Promise<Result> {
    const known = this.history.after(entry)
    if (known !== undefined) return use(known)
    const era = this.#era
    const older = await this.#readBack.since(era, entry, () => this.history.head)
    // The log was read up to the head of then; memory has the rest.
    const newer = older === undefined ? undefined : this.history.after(older.head.entry)
    return use(older === undefined || newer === undefined || era !== this.#era ? undefined : [...older.transactions, ...newer])
  }

  async close(): Promise<void> {
    this.#abort.abort()
    for (const onClosed of this.#unpassed) onClosed()
    await this.#following?.catch(() => {})
  }

  #take(entry: LogEntry, listeners: readonly HubListener[]): void {
    if (entry.kind === 'epoch') {
      this.#epoch = entry.epoch
      return this.#restart({ entry: entry.id, lsn: entry.lsn }, 'epoch', listeners)
    }
    const taken = this.#assembler.take(entry, this.history.head)
    // What snapshots show of it cannot be told from what is missing.
    if (taken === 'skipped') return this.#restart(placeAfter(this.history.head, entry), 'gap', listeners)
    if (taken !== undefined) {
      this.history.add(taken)
      this.#tell(taken, listeners)
    } else if (entry.kind === 'progress') this.history.moveHead(placeAfter(this.history.head, entry))
  }

  /** What was not told to somebody must not count as told. */
  #tell(transaction: Transaction, listeners: readonly HubListener[]): void {
    try {
      for (const listener of listeners) listener.onTransaction(transaction)
    } catch (error) {
      this.#options.onError(error)
      this.#restart(transaction.place, 'gap', listeners)
    }
  }

  #restart(place: Place, reason: ResetReason, listeners: readonly HubListener[], isMidway = false): void {
    this.#era++
    this.history.restart(place)
    this.#assembler = new Assembler(this.#options.data, isMidway)
    for (const listener of listeners) listener.onReset(reason)
  }

  #endBatch(): void {
    for (const listener of this.#listeners) listener.onBatchEnd()
    for (const [then, lsn] of this.#waiting) {
      if (this.history.head.lsn < lsn) continue
      this.#waiting.delete(then)
      then()
    }
  }

  async #follow(): Promise<void> {
    const { log, limits, onError } = this.#options
    const { signal } = this.#abort
    while (!signal.aborted) {
      try {
        // An unfinished transaction is read again from its beginning.
        this.#assembler.forget()
        for await (const entries of log.tail(this.history.head.entry, { signal, count: limits.logReadCount })) {
          for (const entry of entries) this.#take(entry, this.#listeners)
          this.#endBatch()
        }
      } catch (error) {
        if (signal.aborted) return
        onError(error)
        await this.#recover(error).catch(onError)
      }
    }
  }

  /** A log that lost its place is begun anew, as at the start; one that did not answer is asked again. */
  async #recover(error: unknown): Promise<void> {
    const code = errorCodeOf(error)
    if (!code.startsWith('log_') || code === 'log_unavailable') return new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    const { log, lookBackMs } = this.#options
    this.#epoch = (await log.state()).epoch
    const { place, isMidway } = await startingPlace(log, lookBackMs)
    this.#restart(place, 'gap', [], isMidway)
    try {
      await this.#readAhead()
    } finally {
      // From here on everything is told, whether all was read or not.
      this.#era++
      for (const listener of this.#listeners) listener.onReset('gap')
      this.#endBatch()
    }
  }

  /** Reads what is there already, so that the first question is not asked with an empty memory. Nobody is told: who listens is reset after it. */
  async #readAhead(): Promise<void> {
    const { log, limits } = this.#options
    for (let from = this.history.head.entry; ;) {
      const entries = await log.read(from, { count: limits.logReadCount })
      for (const entry of entries) this.#take(entry, [])
      const last = entries.at(-1)
      // A page of large entries is short: only an empty one is the end.
      if (last === undefined) return
      from = last.id
    }
  }
}

/** Entries of unknown LSN (Debezium's marks) leave it where it was. */
function placeAfter(head: Place, entry: { id: EntryId; lsn: Lsn }): Place {
  return { entry: entry.id, lsn: entry.lsn > head.lsn ? entry.lsn : head.lsn }
}

async function startingPlace(log: ChangeLog, lookBackMs: number): Promise<{ place: Place; isMidway: boolean }> {
  const recent = await log.positionAt(Date.now() - lookBackMs)
  if (recent !== undefined) return { place: { entry: recent, lsn: ZERO }, isMidway: recent !== FIRST_ENTRY_ID }
  if ((await log.continuity(FIRST_ENTRY_ID)) === 'ok') return { place: { entry: FIRST_ENTRY_ID, lsn: ZERO }, isMidway: false }
  const { oldest } = await log.state()
  return { place: { entry: oldest ?? FIRST_ENTRY_ID, lsn: ZERO }, isMidway: true }
}
