import {
  compareEntryIds,
  type ChangeFrame,
  type ChangesFrame,
  type EntryId,
  type QueryId,
  type ReadyFrame,
  type SnapshotFrame,
} from '@zenstack-live/protocol'
import { deserialize } from '@zenstackhq/client-helpers/fetch'
import { EMPTY_QUERY_VIEW, type ChangeEvent, type ConnectionView, type QueryView } from './connection-view.ts'
import { emptyResult, rowsResult, valueResult, type QueryResult } from './query-result.ts'

/** Collects a stream's frames, and shows those of whole transactions at once. First results need no more than this; see later-frames.ts for the rest. */
export interface Inbox {
  view: ConnectionView
  /** Changes that wait for the end of their batch. */
  buffer: (ChangeFrame | ChangesFrame)[]
  /** Snapshots that are not whole yet. */
  readonly parts: Map<QueryId, SnapshotFrame[]>
  /** Places that `ready` named. They count from the end of the batch on: a replay before it in the batch carries the same entry. */
  readonly readyAt: Map<QueryId, EntryId>
}

/** What is done with a batch beyond putting first results in place. */
export interface BatchRules {
  /** The next result, in which everything that equals the previous one is the previous one. */
  shareResult(previous: QueryResult, next: QueryResult): QueryResult
  /** Applies what waits in the buffer to the queries. */
  applyBuffer(inbox: Inbox, queries: Map<QueryId, QueryView>): ChangeEvent[]
}

/** Keeps a part until its snapshot is whole. */
export function takePart({ parts }: Inbox, frame: SnapshotFrame): void {
  if (frame.part === 0) parts.set(frame.q, [])
  parts.get(frame.q)?.push(frame)
}

/** The query follows the stream: shows its snapshot. */
export function takeReady(inbox: Inbox, frame: ReadyFrame, rules: BatchRules | undefined): void {
  showSnapshot(inbox, frame.q, rules)
  inbox.parts.delete(frame.q)
  inbox.readyAt.set(frame.q, frame.at)
  const query = inbox.view.queries.get(frame.q) ?? EMPTY_QUERY_VIEW
  setQuery(inbox, frame.q, { ...query, result: query.result ?? emptyResult(frame.shape), ticket: frame.ticket, isReady: true })
}

/** The batch is whole: applies it, and remembers where to go on. */
export function commitBatch(inbox: Inbox, position: string, rules: BatchRules | undefined): readonly ChangeEvent[] {
  for (const id of inbox.parts.keys()) showSnapshot(inbox, id, rules)
  const queries = new Map(inbox.view.queries)
  const events = rules?.applyBuffer(inbox, queries) ?? []
  for (const [id, at] of inbox.readyAt) {
    const query = queries.get(id)
    if (query !== undefined && (query.at === undefined || compareEntryIds(at, query.at) > 0)) queries.set(id, { ...query, at })
  }
  inbox.readyAt.clear()
  // An empty id: nothing can be resumed yet, some query is still opening.
  inbox.view = { queries, position: position === '' ? undefined : position }
  return events
}

export function setQuery(inbox: Inbox, id: QueryId, query: QueryView): void {
  inbox.view = { ...inbox.view, queries: new Map(inbox.view.queries).set(id, query) }
}

/** Without notes there is nothing to restore, and SuperJSON would copy the whole value for it. */
export function decoded(json: unknown, meta: unknown): unknown {
  return meta === undefined ? json : deserialize(json, meta)
}

/** Puts a snapshot that is whole in place. */
function showSnapshot(inbox: Inbox, id: QueryId, rules: BatchRules | undefined): void {
  const parts = inbox.parts.get(id)
  const first = parts?.[0]
  if (parts === undefined || first === undefined || parts.at(-1)?.isLast !== true) return
  inbox.parts.delete(id)
  const query = inbox.view.queries.get(id) ?? EMPTY_QUERY_VIEW
  const result = snapshotResult(first, parts)
  setQuery(inbox, id, { ...query, result: query.result && rules ? rules.shareResult(query.result, result) : result, at: first.at })
}

function snapshotResult(first: SnapshotFrame, parts: readonly SnapshotFrame[]): QueryResult {
  if (first.shape === 'value') return valueResult(decoded(first.value, first.meta))
  return rowsResult(
    first.shape,
    parts.flatMap((part) => (part.shape === 'value' ? [] : (decoded(part.rows, part.meta) as typeof part.rows))),
  )
}
