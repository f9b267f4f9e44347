import { compareEntryIds, type ChangeFrame, type Frame, type QueryId, type RowChange } from '@zenstack-live/protocol'
import { applyOperations } from './apply-operations.ts'
import type { ChangeEvent, ConnectionView, QueryView } from './connection-view.ts'
import { decoded, setQuery, type Inbox } from './inbox.ts'
import type { LiveStream } from './live-stream.ts'
import { shareResult } from './share-result.ts'
import { endOf } from './stream-end.ts'

/** Takes a frame that first results do not need. Changes wait for the end of their batch. */
export function takeLater(stream: LiveStream, frame: Frame): void {
  switch (frame.event) {
    case 'change':
    case 'changes':
      stream.buffer.push(frame)
      if (stream.buffer.length > stream.limits.maxBufferedFrames) stream.end()
      return
    case 'reset':
      if (frame.q === undefined) resetAll(stream)
      else discontinue(stream, frame.q)
      return stream.delivered()
    case 'auth-expired':
      return stream.end({ kind: 'auth-expired' })
    case 'error':
      if (frame.q === undefined) return stream.end(endOf(frame.code))
      discontinue(stream, frame.q)
      return stream.refused(frame.q, frame.code)
    default:
    // Of `bye`, the stream's end and its `retry` say all.
  }
}

/** Applies what waits in the buffer to the queries. */
export function applyBuffer(inbox: Inbox, queries: Map<QueryId, QueryView>): ChangeEvent[] {
  const events: ChangeEvent[] = []
  // A frame is measured against where its query stood before the batch: frames of one transaction may carry the same entry.
  const stood = new Map([...queries].map(([id, query]) => [id, query.at]))
  for (const frame of inbox.buffer.splice(0)) {
    const query = queries.get(frame.q)
    const before = stood.get(frame.q)
    if (query === undefined || (before !== undefined && compareEntryIds(frame.at, before) <= 0)) continue
    if (frame.event === 'changes') {
      // SuperJSON gives back what the server put in: RowChange[], as frame.ts says.
      events.push({ query: frame.q, at: frame.at, changes: decoded(frame.changes, frame.meta) as RowChange[] })
      queries.set(frame.q, { ...query, at: frame.at })
      continue
    }
    if (query.result === undefined) continue
    const result = applyOperations(query.result, decoded(frame.ops, frame.meta) as ChangeFrame['ops'])
    queries.set(frame.q, { ...query, result, at: frame.at })
  }
  return events
}

/** What equals the given view becomes the given view's: a successor shows nothing new where it brought nothing new. */
export function shareView(inbox: Inbox, shown: ConnectionView): void {
  const queries = new Map(inbox.view.queries)
  for (const [id, query] of queries) {
    const previous = shown.queries.get(id)?.result
    if (query.result !== undefined && previous !== undefined && previous !== query.result)
      queries.set(id, { ...query, result: shareResult(previous, query.result) })
  }
  inbox.view = { ...inbox.view, queries }
}

/** What is shown of the query stays (after a reset, until the new snapshot is whole), but cannot be continued. */
function discontinue(inbox: Inbox, id: QueryId): void {
  inbox.parts.delete(id)
  inbox.readyAt.delete(id)
  inbox.buffer = inbox.buffer.filter((frame) => frame.q !== id)
  const query = inbox.view.queries.get(id)
  if (query !== undefined) setQuery(inbox, id, { ...query, ticket: undefined, at: undefined, isReady: false })
}

function resetAll(inbox: Inbox): void {
  for (const id of inbox.view.queries.keys()) discontinue(inbox, id)
  inbox.buffer = []
  inbox.view = { ...inbox.view, position: undefined }
}
