import type { ResultShape, SnapshotRow } from '@zenstack-live/protocol'
import { valueResult, type QueryResult, type RowsResult } from './query-result.ts'

/** The result of a snapshot. */
export function rowsResult(shape: 'rows' | 'row', snapshot: readonly SnapshotRow[]): RowsResult {
  return { shape, keys: snapshot.map(({ key }) => key), rows: snapshot.map(({ row }) => row), sorts: snapshot.map(({ sort }) => sort) }
}

/** Says the shape again where a server leaves it out of a row answer that is empty. */
export function emptyResult(shape: ResultShape): QueryResult {
  return shape === 'value' ? valueResult(undefined) : rowsResult(shape, [])
}
