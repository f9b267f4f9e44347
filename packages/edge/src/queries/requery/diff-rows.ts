import type { ResultOperation, RowKey } from '@zenstack-live/protocol'
import { isSameValue } from '../same-value.ts'

/** A row of an answer: the name it has on the wire, and what its reader may see of it. */
export interface AnswerRow {
  key: RowKey
  row: Record<string, unknown>
}

/**
 * The operations that make `next` of `previous`, in the order to apply them: what left, then from front to back what
 * entered, moved or changed. Keys are unique within each list.
 */
export function diffRows(previous: readonly AnswerRow[], next: readonly AnswerRow[]): ResultOperation[] {
  const before = new Map(previous.map((entry) => [entry.key, entry.row]))
  const nextKeys = new Set(next.map((entry) => entry.key))
  const operations: ResultOperation[] = previous.filter((entry) => !nextKeys.has(entry.key)).map(({ key }) => ({ op: 'leave', key }))
  const list = previous.flatMap((entry) => (nextKeys.has(entry.key) ? [entry.key] : []))
  for (const [index, { key, row }] of next.entries()) {
    const old = before.get(key)
    if (old === undefined) {
      operations.push({ op: 'enter', key, row, index })
      list.splice(index, 0, key)
      continue
    }
    const isInPlace = list[index] === key
    if (!isInPlace) {
      list.splice(list.indexOf(key, index), 1)
      list.splice(index, 0, key)
    }
    const set = changedFields(old, row)
    if (set !== undefined) operations.push(isInPlace ? { op: 'update', key, set } : { op: 'update', key, set, index })
    else if (!isInPlace) operations.push({ op: 'move', key, index })
  }
  return operations
}

/** The fields of `after` that differ; `undefined` when none does. A field that is no longer there comes as `undefined`. */
export function changedFields(before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> | undefined {
  const changed = Object.entries(after).filter(([name, value]) => !Object.hasOwn(before, name) || !isSameValue(before[name], value))
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) changed.push([name, undefined])
  return changed.length === 0 ? undefined : Object.fromEntries(changed)
}
