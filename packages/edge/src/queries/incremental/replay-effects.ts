import type { Verdict } from '@zenstack-live/access'
import type { StoredRow } from '@zenstack-live/model'
import type { RowEffect } from '../../log/transaction.ts'

/**
 * What became of each row, for a reader that may hold any state of it that it had on the way: one that is shown came, one that is not
 * but was at some time went. A reader's id may lie behind what it was given (another query of its connection held the id back), so
 * the difference between the first state and the last would leave it with what came, or changed, and went again.
 *
 * @param isShown - whether the query shows the row; what cannot be told counts
 */
export function replayEffects(effects: Iterable<RowEffect>, isShown: (row: StoredRow) => Verdict): RowEffect[] {
  const byKey = new Map<string, RowEffect[]>()
  for (const effect of effects) {
    const name = `${effect.model.name} ${effect.key}`
    const known = byKey.get(name) ?? []
    known.push(effect)
    // In the order in which rows were last touched.
    byKey.delete(name)
    byKey.set(name, known)
  }
  return [...byKey.values()].flatMap((all) => replayed(all, isShown))
}

function replayed(effects: readonly RowEffect[], isShown: (row: StoredRow) => Verdict): RowEffect[] {
  const last = effects.at(-1)
  if (last === undefined) return []
  if (last.after !== null && isShown(last.after) !== false) return [{ ...last, before: null }]
  const had = effects.flatMap(({ before, after }) => [before, after]).find((row) => row !== null && isShown(row) !== false)
  return had === undefined ? [] : [{ ...last, before: had, after: null }]
}
