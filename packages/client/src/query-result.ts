import type { ResultOperation, ResultShape, RowKey, SnapshotRow } from '@zenstack-live/protocol'
import { shareStructure } from './share-structure.ts'

/** A query's answer as the server last left it. Never changed in place: a new transaction makes a new one from the old one's parts. */
export type QueryResult = RowsResult | ValueResult

export interface RowsResult {
  readonly shape: 'rows' | 'row'
  /** Three lists side by side: what names a row, the row, and what orders it (absent where the server gives places instead). */
  readonly keys: readonly RowKey[]
  readonly rows: readonly unknown[]
  readonly sorts: readonly (string | undefined)[]
}

export interface ValueResult {
  readonly shape: 'value'
  readonly value: unknown
}

/** What `client.<model>.<operation>()` would return. */
export function dataOf(result: QueryResult): unknown {
  if (result.shape === 'value') return result.value
  return result.shape === 'rows' ? result.rows : (result.rows[0] ?? null)
}

/** The result of a snapshot; rows equal to those of the previous result keep their identity. */
export function rowsResult(shape: 'rows' | 'row', snapshot: readonly SnapshotRow[], previous?: QueryResult): RowsResult {
  const before = previous?.shape === shape ? previous : undefined
  const known = new Map(before?.keys.map((key, index) => [key, before.rows[index]]))
  const rows = snapshot.map(({ key, row }) => shareStructure(known.get(key), row))
  const isSame = before !== undefined && isSameList(rows, before.rows)
  return { shape, keys: snapshot.map(({ key }) => key), rows: isSame ? before.rows : rows, sorts: snapshot.map(({ sort }) => sort) }
}

export function valueResult(value: unknown, previous?: QueryResult): ValueResult {
  return { shape: 'value', value: shareStructure(previous?.shape === 'value' ? previous.value : undefined, value) }
}

/** The next result, in which everything that equals the previous one is the previous one. */
export function shareResult(previous: QueryResult, next: QueryResult): QueryResult {
  if (next.shape === 'value') {
    const shared = valueResult(next.value, previous)
    return previous.shape === 'value' && shared.value === previous.value ? previous : shared
  }
  const snapshot = next.keys.map((key, index) => ({
    key,
    row: next.rows[index],
    ...(next.sorts[index] === undefined ? {} : { sort: next.sorts[index] }),
  }))
  return rowsResult(next.shape, snapshot, previous)
}

/** Says the shape again where a server leaves it out of a row answer that is empty. */
export function emptyResult(shape: ResultShape): QueryResult {
  return shape === 'value' ? valueResult(undefined) : rowsResult(shape, [])
}

/** The result after these operations, applied in order. The same rows when they change none, the same object when they change nothing at all. */
export function applyOperations(result: QueryResult, operations: readonly ResultOperation[]): QueryResult {
  if (result.shape === 'value') {
    const last = operations.findLast((operation) => operation.op === 'value')
    const next = last === undefined ? result : valueResult(last.value, result)
    return next.value === result.value ? result : next
  }
  const draft = { keys: result.keys.slice(), rows: result.rows.slice(), sorts: result.sorts.slice(), areRowsNew: false, areSortsNew: false }
  for (const operation of operations) applyOperation(draft, operation)
  if (!draft.areRowsNew && !draft.areSortsNew) return result
  // Only together may they undo each other: a long list is not compared for one row.
  const isSame = !draft.areRowsNew || (operations.length > 1 && isSameList(draft.rows, result.rows))
  return { shape: result.shape, keys: draft.keys, rows: isSame ? result.rows : draft.rows, sorts: draft.sorts }
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
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
