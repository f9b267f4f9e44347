import type { DataModel } from '@zenstack-live/model'
import { epochOfEntryId, type ChangeEntry, type LogEntry } from '@zenstack-live/protocol'
import type { Place } from './place.ts'
import { readBulk, readTransaction, type Transaction } from './transaction.ts'

/** Joins entries of the log to transactions. */
export class Assembler {
  readonly #data: DataModel
  #open: ChangeEntry[] = []
  /** Reading may have begun in the middle of one: it lets that one pass. */
  #isSkipping: boolean

  constructor(data: DataModel, isMidway: boolean) {
    this.#data = data
    this.#isSkipping = isMidway
  }

  /**
   * @param head - the point just before the transaction that the entry belongs to
   * @returns the transaction that the entry completes; `skipped` when its beginning was never read
   */
  take(entry: LogEntry, head: Place): Transaction | 'skipped' | undefined {
    if (entry.kind === 'bulk') return readBulk(entry, head)
    if (entry.kind !== 'change') return undefined
    if (this.#isSkipping && this.#open.length === 0) this.#isSkipping = !isFirstOfTransaction(entry)
    this.#open.push(entry)
    if (!entry.isLastOfTransaction) return undefined
    const entries = this.#open
    this.#open = []
    if (!this.#isSkipping) return readTransaction(this.#data, entries, head)
    this.#isSkipping = false
    return 'skipped'
  }

  /** An unfinished transaction will be read again. */
  forget(): void {
    this.#open = []
  }
}

/**
 * Our capture counts the rows of a commit from 1 in its ids, Debezium in its envelopes. What tells of neither counts as the middle of one. The rows
 * of our capture's own snapshot belong to none: wherever reading begins among them, no change is missing.
 */
function isFirstOfTransaction({ id, xid, value }: ChangeEntry): boolean {
  if (epochOfEntryId(id) > 0) return xid === 0 || id.endsWith('-1')
  const { transaction } = JSON.parse(value) as { transaction?: { total_order?: number } | null }
  return transaction?.total_order === 1
}
