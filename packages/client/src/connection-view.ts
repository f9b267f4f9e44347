import type { EntryId, QueryId, RowChange } from '@zenstack-live/protocol'
import type { QueryResult } from './query-result.ts'

/** What one connection knows of one query. */
export interface QueryView {
  readonly result: QueryResult | undefined
  /** The entry whose effects were applied last. */
  readonly at: EntryId | undefined
  readonly ticket: string | undefined
  /** Since its last `ready` nothing was declared lost. */
  readonly isReady: boolean
}

/**
 * Everything one connection has delivered. Each connection fills its own: a successor begins with its predecessor's results and goes its
 * own way, so that no frame is ever applied to a state it was not made for.
 */
export interface ConnectionView {
  readonly queries: ReadonlyMap<QueryId, QueryView>
  /** Resumes after everything that was applied. */
  readonly position: string | undefined
}

/** Matching changes of a `$changes` query, in order. */
export interface ChangeEvent {
  readonly query: QueryId
  readonly at: EntryId
  readonly changes: readonly RowChange[]
}

export const EMPTY_QUERY_VIEW: QueryView = { result: undefined, at: undefined, ticket: undefined, isReady: false }
