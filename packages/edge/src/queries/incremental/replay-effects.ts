import type { Verdict } from '@zenstack-live/access'
import type { StoredRow } from '@zenstack-live/model'
import { effectsByRow, netEffect, type RowEffect } from '../../log/transaction.ts'

/**
 * What became of each row, for a reader that may hold any state of it that it had on the way: one that is shown came, one that is not
 * but was at some time went. A reader's id may lie behind what it was given (another query of its connection held the id back), so
 * the difference between the first state and the last would leave it with what came, or changed, and went again.
 *
 * @param isShown - whether the query shows the row; what cannot be told counts
 */
export function replayEffects(effects: Iterable<RowEffect>, isShown: (row: StoredRow) => Verdict): RowEffect[] {
  return [...effectsByRow(effects).values()].flatMap((all): RowEffect[] => {
    const net = netEffect(all)
    if (net.after !== null && isShown(net.after) !== false) return [{ ...net, before: null }]
    const had = all.flatMap(({ before, after }) => [before, after]).find((row) => row !== null && isShown(row) !== false)
    return had === undefined ? [] : [{ ...net, before: had, after: null }]
  })
}
