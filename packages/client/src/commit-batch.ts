import { compareEntryIds, type ChangeFrame, type QueryId, type RowChange } from '@zenstack-live/protocol'
import { applyOperations } from './apply-operations.ts'
import type { ChangeEvent, QueryView } from './connection-view.ts'
import { decoded, showSnapshot, type Inbox } from './inbox.ts'

/** The batch is whole: applies it, and remembers where to go on. Gives what happened in it. */
export function commitBatch(inbox: Inbox, position: string): readonly ChangeEvent[] {
  for (const id of inbox.parts.keys()) showSnapshot(inbox, id)
  const queries = new Map(inbox.view.queries)
  const events = applyBuffer(inbox, queries)
  for (const [id, at] of inbox.readyAt) {
    const query = queries.get(id)
    if (query !== undefined && (query.at === undefined || compareEntryIds(at, query.at) > 0)) queries.set(id, { ...query, at })
  }
  inbox.readyAt.clear()
  // An empty id: nothing can be resumed yet, some query is still opening.
  inbox.view = { queries, position: position === '' ? undefined : position }
  return events
}

/** Applies what waits in the buffer to the queries. */
function applyBuffer(inbox: Inbox, queries: Map<QueryId, QueryView>): ChangeEvent[] {
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
