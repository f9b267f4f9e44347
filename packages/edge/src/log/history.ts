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
  let transactions: Transaction[] = []
  let first = 0
  let bytes = 0
  let head = start
  let begin = start
  const xids = createRememberedXids()

  const shrink = (): void => {
    while (transactions.length - first > limits.ringEntries || bytes > limits.ringBytes) {
      const oldest = transactions[first]
      if (oldest === undefined) return
      bytes -= oldest.bytes
      begin = oldest.place
      first++
    }
    // Shifting one by one would cost the whole array each time.
    if (first > 1024 && first * 2 > transactions.length) {
      transactions = transactions.slice(first)
      first = 0
    }
  }

  return {
    get start() {
      return begin
    },
    get head() {
      return head
    },
    add(transaction) {
      transactions.push(transaction)
      bytes += transaction.bytes
      head = transaction.place
      if (transaction.xid !== 0) xids.add(transaction.xid, transaction.before)
      shrink()
    },
    moveHead(place) {
      head = place
    },
    after(entry) {
      if (compareEntryIds(entry, begin.entry) < 0) return undefined
      let low = first
      let high = transactions.length
      while (low < high) {
        const middle = (low + high) >>> 1
        const one = transactions[middle]
        if (one !== undefined && compareEntryIds(one.place.entry, entry) <= 0) low = middle + 1
        else high = middle
      }
      return transactions.slice(low)
    },
    firstUnseen: (snapshot) => xids.firstUnseen(snapshot),
    restart(place) {
      transactions = []
      first = 0
      bytes = 0
      head = place
      begin = place
      xids.clear()
    },
  }
}

/** The transactions that a snapshot does not show. Those without an id (marks of schema changes) are shown by none. */
export function unseenOf(transactions: readonly Transaction[], snapshot: PgSnapshot | undefined): Transaction[] {
  return snapshot === undefined ? [...transactions] : transactions.filter(({ xid }) => xid === 0 || !sees(snapshot, xid))
}
