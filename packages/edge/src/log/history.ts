import { compareEntryIds, type EntryId, type Limits } from '@zenstack-live/protocol'
import type { Place } from './place.ts'
import { sees, type PgSnapshot } from '../database/pg-snapshot.ts'
import { createRememberedXids } from './remembered-xids.ts'
import type { Transaction } from './transaction.ts'

/**
 * The newest transactions, in memory, bounded by entries and bytes; and, for longer, where each transaction id stands.
 */
export interface History {
  /** Everything after this point is here. */
  readonly start: Place
  /** The newest point; marks move it too. */
  readonly head: Place
  add(transaction: Transaction): void
  moveHead(place: Place): void
  /** Transactions after a point, oldest first; `undefined` when the memory does not reach back so far. */
  after(entry: EntryId): Transaction[] | undefined
  /** The point before the first transaction already read that the snapshot does not show. */
  firstUnseen(snapshot: PgSnapshot): Place | undefined
  /** Forgets everything: continuity ended. */
  restart(place: Place): void
}

export function createHistory(start: Place, limits: Limits): History {
  return new Ring(start, limits)
}

class Ring implements History {
  start: Place
  head: Place
  readonly #limits: Limits
  readonly #xids = createRememberedXids()
  #transactions: Transaction[] = []
  #first = 0
  #bytes = 0

  constructor(start: Place, limits: Limits) {
    this.start = start
    this.head = start
    this.#limits = limits
  }

  add(transaction: Transaction): void {
    this.#transactions.push(transaction)
    this.#bytes += transaction.bytes
    this.head = transaction.place
    if (transaction.xid !== 0) this.#xids.add(transaction.xid, transaction.before)
    this.#shrink()
  }

  moveHead(place: Place): void {
    this.head = place
  }

  after(entry: EntryId): Transaction[] | undefined {
    if (compareEntryIds(entry, this.start.entry) < 0) return undefined
    let low = this.#first
    let high = this.#transactions.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const one = this.#transactions[middle]
      if (one !== undefined && compareEntryIds(one.place.entry, entry) <= 0) low = middle + 1
      else high = middle
    }
    return this.#transactions.slice(low)
  }

  firstUnseen(snapshot: PgSnapshot): Place | undefined {
    return this.#xids.firstUnseen(snapshot)
  }

  restart(place: Place): void {
    this.#transactions = []
    this.#first = 0
    this.#bytes = 0
    this.head = place
    this.start = place
    this.#xids.clear()
  }

  #shrink(): void {
    const { ringEntries, ringBytes } = this.#limits
    while (this.#transactions.length - this.#first > ringEntries || this.#bytes > ringBytes) {
      const oldest = this.#transactions[this.#first]
      if (oldest === undefined) return
      this.#bytes -= oldest.bytes
      this.start = oldest.place
      this.#first++
    }
    // Shifting one by one would cost the whole array each time.
    if (this.#first > 1024 && this.#first * 2 > this.#transactions.length) {
      this.#transactions = this.#transactions.slice(this.#first)
      this.#first = 0
    }
  }
}

/** The transactions that a snapshot does not show. Those without an id (marks of schema changes) are shown by none. */
export function unseenOf(transactions: readonly Transaction[], snapshot: PgSnapshot | undefined): Transaction[] {
  return snapshot === undefined ? [...transactions] : transactions.filter(({ xid }) => xid === 0 || !sees(snapshot, xid))
}
