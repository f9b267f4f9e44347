import type { ConnectionView } from './connection-view.ts'
import type { Inbox } from './inbox.ts'
import { shareResult } from './share-result.ts'

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
