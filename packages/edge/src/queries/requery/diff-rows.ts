import type { ResultOperation, RowKey } from '@zenstack-live/protocol'
import { isSameValue } from '../same-value.ts'
import { longestRising } from './longest-rising.ts'

/** A row of an answer: the name it has on the wire, and what its reader may see of it. */
export interface AnswerRow {
  key: RowKey
  row: Record<string, unknown>
}

/** Rows passed over to find those that come to another place: some 50 ms, in which all streams stand still. */
const MAX_PASSED = 20_000_000

/**
 * The operations that make `next` of `previous`, in the order to apply them: what left, then from front to back what
 * entered, moved or changed. As many stay where they are as can. Keys are unique within each list.
 *
 * @param maxPassed - the length of the list, for each row that enters or moves
 * @returns `undefined` where it would take more
 */
export function diffRows(previous: readonly AnswerRow[], next: readonly AnswerRow[], maxPassed = MAX_PASSED): ResultOperation[] | undefined {
  const before = new Map(previous.map(({ key, row }, index) => [key, { row, index }]))
  const nextKeys = new Set(next.map(({ key }) => key))
  const operations: ResultOperation[] = previous.filter(({ key }) => !nextKeys.has(key)).map(({ key }) => ({ op: 'leave', key }))
  const list = previous.flatMap(({ key }) => (nextKeys.has(key) ? [key] : []))
  const staying = keysThatStay(next, before)
  if ((next.length - staying.size) * list.length > maxPassed) return undefined
  let index = 0
  for (const { key, row } of next) {
    const old = before.get(key)
    const isStaying = staying.has(key)
    // What is passed over has its place further behind.
    if (isStaying) while (list[index] !== key) index++
    else {
      const from = old === undefined ? -1 : list.indexOf(key)
      if (from >= 0) list.splice(from, 1)
      if (from >= 0 && from < index) index--
      list.splice(index, 0, key)
    }
    const set = old && changedFields(old.row, row)
    if (old === undefined) operations.push({ op: 'enter', key, row, index })
    else if (set !== undefined) operations.push(isStaying ? { op: 'update', key, set } : { op: 'update', key, set, index })
    else if (!isStaying) operations.push({ op: 'move', key, index })
    index++
  }
  return operations
}

/** Of the rows that are in both lists, as many as stand in the same order in both. */
function keysThatStay(next: readonly AnswerRow[], before: ReadonlyMap<RowKey, { index: number }>): ReadonlySet<RowKey> {
  const known = next.flatMap(({ key }) => {
    const old = before.get(key)
    return old === undefined ? [] : [{ key, index: old.index }]
  })
  return new Set(longestRising(known.map(({ index }) => index)).flatMap((at) => known[at]?.key ?? []))
}

/** The fields of `after` that differ; `undefined` when none does. A field that is no longer there comes as `undefined`. */
export function changedFields(before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> | undefined {
  const changed = Object.entries(after).filter(([name, value]) => !Object.hasOwn(before, name) || !isSameValue(before[name], value))
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) changed.push([name, undefined])
  return changed.length === 0 ? undefined : Object.fromEntries(changed)
}
