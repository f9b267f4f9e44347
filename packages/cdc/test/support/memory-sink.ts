import type { CaptureSink, SinkBatch, SinkState } from '@zenstack-live/cdc'
import { compareEntryIds, epochOfEntryId, type EntryId, type LogBatch, type LogEntry, type Lsn } from '@zenstack-live/protocol'

/** A change log in memory, with the promises of a real one: ids rise, a repeat is success, a refused id that is not there is an error. */
export class MemorySink implements CaptureSink {
  entries: LogEntry[] = []
  memory: string | undefined
  /** Runs before each write: to delay it, or to make it fail. */
  beforeWrite: (batches: readonly LogBatch[]) => Promise<void> = async () => {}
  writes = 0
  repeats = 0
  readonly #ids = new Map<EntryId, LogEntry>()
  #waiting: (() => void)[] = []

  async state(): Promise<SinkState> {
    const newest = this.entries.at(-1)
    if (newest === undefined) return { epoch: 0, lsn: undefined, memory: this.memory }
    const isOpen = newest.kind === 'change' && !newest.isLastOfTransaction
    const whole = { lsn: (isOpen ? newest.lsn - 1n : newest.lsn) as Lsn, newest: newest.id }
    return { epoch: epochOfEntryId(newest.id), lsn: newest.lsn, memory: this.memory, whole }
  }

  async write(batches: readonly SinkBatch[]): Promise<void> {
    await this.beforeWrite(batches)
    const [after, newest] = [batches[0]?.after, this.entries.at(-1)?.id]
    if (after !== undefined && (newest === undefined || compareEntryIds(newest, after) < 0)) throw new Error(`${after} is not there any more.`)
    this.writes++
    for (const { entries } of batches) for (const entry of entries) this.#append(entry)
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  async remember(text: string): Promise<void> {
    this.memory = text
  }

  /** Loses everything after `count` entries, as a failover may. */
  loseTail(count: number): void {
    for (const entry of this.entries.splice(count)) this.#ids.delete(entry.id)
  }

  /** Resolves when `isTrue` holds of the entries. */
  async until(isTrue: (entries: readonly LogEntry[]) => boolean, timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    while (!isTrue(this.entries)) {
      if (Date.now() > deadline)
        throw new Error(
          `The log never came to it: ${JSON.stringify(this.entries.slice(-5), (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`,
        )
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
        setTimeout(resolve, 200).unref()
      })
    }
  }

  #append(entry: LogEntry): void {
    const newest = this.entries.at(-1)
    if (newest === undefined || compareEntryIds(entry.id, newest.id) > 0) {
      // The log keeps a copy: the capture may use its objects again.
      const kept = { ...entry }
      this.entries.push(kept)
      this.#ids.set(entry.id, kept)
      return
    }
    const existing = this.#ids.get(entry.id)
    if (entry.kind !== 'progress' && (existing === undefined || headerOf(existing) !== headerOf(entry))) {
      const message = `${entry.id} is refused: the log is at ${newest.id} and does not hold it.`
      throw Object.assign(new Error(message), { code: 'log_conflict' })
    }
    this.repeats++
  }
}

/** What a log compares. */
function headerOf(entry: LogEntry): string {
  const isLast = entry.kind === 'change' && entry.isLastOfTransaction
  return [entry.kind, entry.lsn, 'xid' in entry ? entry.xid : '', isLast].join(':')
}
