import type { ResultShape, RowKey, SnapshotRow } from '@zenstack-live/protocol'

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

/** The result of a snapshot. */
export function rowsResult(shape: 'rows' | 'row', snapshot: readonly SnapshotRow[]): RowsResult {
  return { shape, keys: snapshot.map(({ key }) => key), rows: snapshot.map(({ row }) => row), sorts: snapshot.map(({ sort }) => sort) }
}

export function valueResult(value: unknown): ValueResult {
  return { shape: 'value', value }
}

/** Says the shape again where a server leaves it out of a row answer that is empty. */
export function emptyResult(shape: ResultShape): QueryResult {
  return shape === 'value' ? valueResult(undefined) : rowsResult(shape, [])
}
