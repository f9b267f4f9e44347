import type { ResultOperation, RowKey } from '@zenstack-live/protocol'
import { valueResult, type QueryResult } from './query-result.ts'
import { isSameList, shareResult } from './share-result.ts'
import { shareStructure } from './share-structure.ts'

/** The result after these operations, applied in order. The same rows when they change none, the same object when they change nothing at all. */
export function applyOperations(result: QueryResult, operations: readonly ResultOperation[]): QueryResult {
  if (result.shape === 'value') {
    const last = operations.findLast((operation) => operation.op === 'value')
    return last === undefined ? result : shareResult(result, valueResult(last.value))
  }
  const draft = { keys: result.keys.slice(), rows: result.rows.slice(), sorts: result.sorts.slice(), areRowsNew: false, areSortsNew: false }
  for (const operation of operations) applyOperation(draft, operation)
  if (!draft.areRowsNew && !draft.areSortsNew) return result
  // Only together may they undo each other: a long list is not compared for one row.
  const isSame = !draft.areRowsNew || (operations.length > 1 && isSameList(draft.rows, result.rows))
  return { shape: result.shape, keys: draft.keys, rows: isSame ? result.rows : draft.rows, sorts: draft.sorts }
}

interface Draft {
  keys: RowKey[]
  rows: unknown[]
  sorts: (string | undefined)[]
  /** Some operation left another row in some place than was there before it. */
  areRowsNew: boolean
  areSortsNew: boolean
}

function applyOperation(draft: Draft, operation: ResultOperation): void {
  if (operation.op === 'value') return
  const at = draft.keys.indexOf(operation.key)
  if (operation.op === 'leave') {
    if (at < 0) return
    take(draft, at)
    draft.areRowsNew = true
    return
  }
  // A row that is not here cannot be moved or patched: a replay may say again what a later snapshot already left out.
  if (at < 0 && operation.op !== 'enter') return
  const [previous, previousSort] = [draft.rows[at], draft.sorts[at]]
  const row =
    operation.op === 'enter' ? shareStructure(previous, operation.row) : operation.op === 'update' ? patched(previous, operation.set) : previous
  const { sort, index } = operation
  const isPlaced = sort === undefined ? index !== undefined : sort !== previousSort
  if (at >= 0 && !isPlaced) {
    draft.rows[at] = row
    draft.areRowsNew ||= row !== previous
    return
  }
  if (at >= 0) take(draft, at)
  const place = sort === undefined ? Math.min(index ?? draft.keys.length, draft.keys.length) : placeOf(draft.sorts, sort)
  draft.keys.splice(place, 0, operation.key)
  draft.rows.splice(place, 0, row)
  draft.sorts.splice(place, 0, sort)
  draft.areRowsNew ||= place !== at || row !== previous
  draft.areSortsNew ||= sort !== previousSort
}

function take(draft: Draft, at: number): void {
  draft.keys.splice(at, 1)
  draft.rows.splice(at, 1)
  draft.sorts.splice(at, 1)
}

function patched(row: unknown, set: Record<string, unknown>): unknown {
  if (typeof row !== 'object' || row === null) return row
  const next: Record<string, unknown> = { ...row, ...set }
  // A field that is no longer there comes as `undefined`.
  for (const name of Object.keys(set)) if (set[name] === undefined) delete next[name]
  return shareStructure(row, next)
}

/** First place whose sort string is greater, by code units: what `<` on strings compares. */
function placeOf(sorts: readonly (string | undefined)[], sort: string): number {
  let low = 0
  let high = sorts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorts[middle] ?? '') <= sort) low = middle + 1
    else high = middle
  }
  return low
}
