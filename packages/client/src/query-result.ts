import type { RowKey } from '@zenstack-live/protocol'

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

export function valueResult(value: unknown): ValueResult {
  return { shape: 'value', value }
}
