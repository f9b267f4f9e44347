import type { EntryId } from './entry-id.ts'
import type { ErrorCode } from './error-codes.ts'
import type { QueryId } from './query.ts'

/** How the server keeps a query right: decided in memory from each change, or asked of the database again. */
export type Engine = 'incremental' | 'requery'

/** Names a row within one query: its primary key, or a keyed hash of it where the reader may not see the key. */
export type RowKey = string

/** What a result is made of: many rows, at most one row, or a value (`count`, `aggregate`, `groupBy`, `exists`). */
export type ResultShape = 'rows' | 'row' | 'value'

/**
 * One row of a `rows` result. Where it stands is said by `sort` (rows of the query are ordered by these strings, code unit by
 * code unit) or by its place in the array.
 */
export interface SnapshotRow {
  key: RowKey
  row: unknown
  sort?: string
}

/**
 * A change to one query's result, applied in the order they are given.
 * A place is given by `sort`, or by `index` in the list as it stands when the operation is applied.
 */
export type ResultOperation =
  | { op: 'enter'; key: RowKey; row: unknown; sort?: string; index?: number }
  | { op: 'update'; key: RowKey; set: Record<string, unknown>; sort?: string; index?: number }
  | { op: 'leave'; key: RowKey }
  | { op: 'move'; key: RowKey; sort?: string; index?: number }
  | { op: 'value'; value: unknown }

interface QueryFrame {
  /** The query it belongs to. */
  q: QueryId
  /** The log entry whose effects it carries. A client ignores a change that is not ahead of its query's, and never a snapshot. */
  at: EntryId
  /** SuperJSON's notes on `rows`, `ops` or `value`. */
  meta?: unknown
}

/** The whole result as of `at`, in one or more parts; `part` counts from 0 and `isLast` ends it. Replaces what was there, at once. */
export type SnapshotFrame = QueryFrame & { event: 'snapshot'; part: number; isLast: boolean } & (
    | { shape: 'rows'; rows: SnapshotRow[] }
    | { shape: 'row'; rows: SnapshotRow[] }
    | { shape: 'value'; value: unknown }
  )

/** From here on the query follows the stream. */
export interface ReadyFrame extends QueryFrame {
  event: 'ready'
  engine: Engine
  shape: ResultShape
  /** Resumes this query elsewhere, together with a `lastEventId`. */
  ticket: string
}

export interface ChangeFrame extends QueryFrame {
  event: 'change'
  ops: ResultOperation[]
}

/** What the client holds can no longer be continued: of one query, or, without `q`, of all. A snapshot follows. */
export interface ResetFrame {
  event: 'reset'
  q?: QueryId
  at: EntryId
  reason: ResetReason
}

export type ResetReason = 'position' | 'epoch' | 'gap' | 'identity' | 'schema' | 'truncate' | 'bulk' | 'slow'

/** A query (or, without `q`, the stream) ended because of this. */
export interface ErrorFrame {
  event: 'error'
  q?: QueryId
  code: ErrorCode
  message: string
}

/** The credentials are no longer good; the stream ends. Open it again with fresh ones and the last position. */
export interface AuthExpiredFrame {
  event: 'auth-expired'
}

/** The server ends the stream on purpose; come back after the `retry` it sent. */
export interface ByeFrame {
  event: 'bye'
  reason: 'drain' | 'age' | 'overloaded' | 'slow'
}

/** One matching change of a `$changes` query. */
export interface ChangesFrame extends QueryFrame {
  event: 'changes'
  changes: RowChange[]
}

/** Rows as the reader may read them: `before` is `null` where it may not, or could not; of a deleted row the id is all that is told. */
export type RowChange =
  | { type: 'created'; date: string; created: unknown }
  | { type: 'updated'; date: string; updated: { before: unknown; after: unknown } }
  | { type: 'deleted'; date: string; deleted: unknown }

export type Frame = SnapshotFrame | ReadyFrame | ChangeFrame | ChangesFrame | ResetFrame | ErrorFrame | AuthExpiredFrame | ByeFrame
