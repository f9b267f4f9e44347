import { compareEntryIds } from '@zenstack-live/protocol'
import { liftXid, type PgSnapshot } from '../database/pg-snapshot.ts'
import type { Place } from './place.ts'

/**
 * Where transactions stand in the log, by their ids, for longer than the transactions themselves are kept.
 *
 * A commit is in the write-ahead log, and so in ours, before snapshots show it; with a synchronous standby that does not answer,
 * for as long as it likes. Such a transaction is among a snapshot's running ones, or has an id that is not below `xmax`: that
 * is one above the newest *completed* transaction, so running ones may have been given higher ids before.
 */
export interface RememberedXids {
  add(xid: number, before: Place): void
  /** The point before the first remembered transaction that the snapshot does not show. */
  firstUnseen(snapshot: PgSnapshot): Place | undefined
  clear(): void
}

/** About 20 MB. */
const MAX_XIDS = 200_000
const FORGET_AT_ONCE = 10_000

interface Remembered {
  /** Counted on from the first one, so that ids compare across the end of 32 bits. */
  order: bigint
  before: Place
}

export function createRememberedXids(): RememberedXids {
  let byOrder: Remembered[] = []
  const byXid = new Map<number, Place>()
  let newest: bigint | undefined

  const forgetOldest = (): void => {
    const forgotten = byOrder.splice(0, FORGET_AT_ONCE)
    for (const { order } of forgotten) byXid.delete(Number(BigInt.asUintN(32, order)))
  }

  return {
    add(xid, before) {
      if (byXid.has(xid)) return
      const order = newest === undefined ? BigInt(xid) : liftXid(xid, newest)
      if (newest === undefined || order > newest) newest = order
      byXid.set(xid, before)
      // Commits come nearly in the order of their ids: the place is found from the end.
      let index = byOrder.length
      while (index > 0 && (byOrder[index - 1]?.order ?? 0n) > order) index--
      byOrder.splice(index, 0, { order, before })
      if (byOrder.length > MAX_XIDS) forgetOldest()
    },
    firstUnseen(snapshot) {
      let earliest: Place | undefined
      const consider = (place: Place | undefined): void => {
        if (place !== undefined && (earliest === undefined || compareEntryIds(place.entry, earliest.entry) < 0)) earliest = place
      }
      for (const xid of snapshot.running) consider(byXid.get(Number(BigInt.asUintN(32, xid))))
      if (newest === undefined) return earliest
      const xmax = liftXid(Number(BigInt.asUintN(32, snapshot.xmax)), newest)
      for (let index = byOrder.length - 1; index >= 0; index--) {
        const one = byOrder[index]
        if (one === undefined || one.order < xmax) break
        consider(one.before)
      }
      return earliest
    },
    clear() {
      byOrder = []
      byXid.clear()
      newest = undefined
    },
  }
}
