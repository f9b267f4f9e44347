import type { ChangeFrame, ChangesFrame, EntryId, QueryId, ReadyFrame, SnapshotFrame } from '@zenstack-live/protocol'
import { deserialize } from '@zenstackhq/client-helpers/fetch'
import { EMPTY_QUERY_VIEW, type ConnectionView, type QueryView } from './connection-view.ts'
import { valueResult, type QueryResult } from './query-result.ts'
import { emptyResult, rowsResult } from './rows-result.ts'
import { shareResult } from './share-result.ts'

/** Collects a stream's frames, and shows those of whole transactions at once. */
export interface Inbox {
  view: ConnectionView
  /** Changes that wait for the end of their batch. */
  buffer: (ChangeFrame | ChangesFrame)[]
  /** Snapshots that are not whole yet. */
  readonly parts: Map<QueryId, SnapshotFrame[]>
  /** Places that `ready` named. They count from the end of the batch on: a replay before it in the batch carries the same entry. */
  readonly readyAt: Map<QueryId, EntryId>
}

/** Keeps a part until its snapshot is whole. */
export function takePart({ parts }: Inbox, frame: SnapshotFrame): void {
  if (frame.part === 0) parts.set(frame.q, [])
  parts.get(frame.q)?.push(frame)
}

/** The query follows the stream: shows its snapshot. */
export function takeReady(inbox: Inbox, frame: ReadyFrame): void {
  showSnapshot(inbox, frame.q)
  inbox.parts.delete(frame.q)
  inbox.readyAt.set(frame.q, frame.at)
  const query = inbox.view.queries.get(frame.q) ?? EMPTY_QUERY_VIEW
  setQuery(inbox, frame.q, { ...query, result: query.result ?? emptyResult(frame.shape), ticket: frame.ticket, isReady: true })
}

/** Puts a snapshot that is whole in place. */
export function showSnapshot(inbox: Inbox, id: QueryId): void {
  const parts = inbox.parts.get(id)
  const first = parts?.[0]
  if (parts === undefined || first === undefined || parts.at(-1)?.isLast !== true) return
  inbox.parts.delete(id)
  const query = inbox.view.queries.get(id) ?? EMPTY_QUERY_VIEW
  const result = snapshotResult(first, parts)
  setQuery(inbox, id, { ...query, result: query.result ? shareResult(query.result, result) : result, at: first.at })
}

/** What is shown of the query stays (after a reset, until the new snapshot is whole), but cannot be continued. */
export function discontinue(inbox: Inbox, id: QueryId): void {
  inbox.parts.delete(id)
  inbox.readyAt.delete(id)
  inbox.buffer = inbox.buffer.filter((frame) => frame.q !== id)
  const query = inbox.view.queries.get(id)
  if (query !== undefined) setQuery(inbox, id, { ...query, ticket: undefined, at: undefined, isReady: false })
}

/** As {@link discontinue}, for all queries. */
export function resetAll(inbox: Inbox): void {
  for (const id of inbox.view.queries.keys()) discontinue(inbox, id)
  inbox.buffer = []
  inbox.view = { ...inbox.view, position: undefined }
}

/** Without notes there is nothing to restore, and SuperJSON would copy the whole value for it. */
export function decoded(json: unknown, meta: unknown): unknown {
  return meta === undefined ? json : deserialize(json, meta)
}

function setQuery(inbox: Inbox, id: QueryId, query: QueryView): void {
  inbox.view = { ...inbox.view, queries: new Map(inbox.view.queries).set(id, query) }
}

function snapshotResult(first: SnapshotFrame, parts: readonly SnapshotFrame[]): QueryResult {
  if (first.shape === 'value') return valueResult(decoded(first.value, first.meta))
  return rowsResult(
    first.shape,
    parts.flatMap((part) => (part.shape === 'value' ? [] : (decoded(part.rows, part.meta) as typeof part.rows))),
  )
}
