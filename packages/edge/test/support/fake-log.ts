import type { ChangeLog, ReadOptions, TailOptions } from '@zenstack-live/change-log'
import { compareEntryIds, FIRST_ENTRY_ID, LiveError, makeEntryId, type EntryId, type LogEntry, type Lsn } from '@zenstack-live/protocol'

/** What a hub needs of a log. */
export type TestLog = Pick<ChangeLog, 'identity' | 'state' | 'positionAt' | 'continuity' | 'read' | 'tail'>

export const lsnOf = (number: number): Lsn => BigInt(number) as Lsn

/** A change of a table of no model, as our capture writes it: entries of a transaction carry its LSN and their place in it. */
export function change(xid: number, order: number, isLastOfTransaction = order === 1): LogEntry {
  const value = JSON.stringify({
    op: 'c',
    after: { id: xid },
    source: { schema: 'public', table: 'other', ts_ms: 1, txId: xid, lsn: xid },
    transaction: null,
  })
  return { kind: 'change', id: makeEntryId(1, lsnOf(xid), order), lsn: lsnOf(xid), xid, isLastOfTransaction, key: '{}', value }
}

/** A log in memory, whose reader can lose its place. */
export class FakeLog implements TestLog {
  readonly identity = 'log'
  entries: LogEntry[]
  /** Whether its first entry begins a transaction. */
  isWhole = true
  #wake = (): void => {}
  #isLost = false
  #waiting: (() => void)[] = []

  constructor(entries: LogEntry[]) {
    this.entries = entries
  }

  append(entry: LogEntry): void {
    this.entries.push(entry)
    this.#wake()
  }

  loseReader(): void {
    this.#isLost = true
    this.#wake()
  }

  /** Resolves when the reader waits for more. */
  isFollowed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async state() {
    return {
      identity: this.identity,
      epoch: 1,
      beginning: FIRST_ENTRY_ID,
      oldest: FIRST_ENTRY_ID,
      newest: undefined,
      newestLsn: undefined,
      entries: this.entries.length,
      bytes: 0,
    }
  }

  async positionAt(_timeMs: number): Promise<EntryId> {
    return this.isWhole ? FIRST_ENTRY_ID : makeEntryId(1, lsnOf(1), 0)
  }

  async continuity() {
    return 'ok' as const
  }

  async read(after: EntryId, { count, until }: ReadOptions = {}): Promise<LogEntry[]> {
    const isWithin = ({ id }: LogEntry): boolean => compareEntryIds(id, after) > 0 && (until === undefined || compareEntryIds(id, until) <= 0)
    return this.entries.filter(isWithin).slice(0, count)
  }

  async *tail(after: EntryId, { signal, count }: TailOptions): AsyncGenerator<LogEntry[]> {
    signal.addEventListener('abort', () => this.#wake())
    for (let cursor = after; !signal.aborted;) {
      const page = await this.read(cursor, count === undefined ? {} : { count })
      cursor = page.at(-1)?.id ?? cursor
      if (page.length > 0) yield page
      else {
        for (const tell of this.#waiting.splice(0)) tell()
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
      if (!this.#isLost) continue
      this.#isLost = false
      throw new LiveError('log_gap', 'It has let go of where the reader was.')
    }
  }
}
