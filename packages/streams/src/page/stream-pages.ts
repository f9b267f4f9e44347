import type { BulkEntry, EntryId, EpochEntry, LogEntry } from '@zenstack-live/protocol'
import { SharedChange } from './shared-change.ts'

/** Entries that end continuity for someone. */
export interface PageMark {
  entry: EpochEntry | BulkEntry
  previous: EntryId
}

/** A stretch of the log, sorted by table so that a reader looks only at what concerns it. */
export interface StreamPage {
  last: EntryId
  tables: ReadonlyMap<string, readonly SharedChange[]>
  marks: readonly PageMark[]
}

/** Pages of the log as all readers of this process share them: the log gives the same array to all who follow it. */
export interface StreamPages {
  /** @param after - a place with nothing between it and the first entry */
  of(entries: readonly LogEntry[], after: EntryId): StreamPage
}

/**
 * @param sharedPages - pages that are kept for the readers that come by in a moment; who comes later sorts its own. Not a map with weak
 *   keys: what its values hold outlives every collection of the young generation, which then copies all that was read (a fifth of the time)
 */
export function createStreamPages(sharedPages: number): StreamPages {
  const shared: { entries: readonly LogEntry[]; page: StreamPage }[] = []
  let oldest = 0
  return {
    of(entries, after) {
      const known = shared.find((each) => each.entries === entries)
      if (known !== undefined) return known.page
      const page = createStreamPage(entries, after)
      shared[oldest] = { entries, page }
      oldest = (oldest + 1) % sharedPages
      return page
    },
  }
}

function createStreamPage(entries: readonly LogEntry[], after: EntryId): StreamPage {
  const tables = new Map<string, SharedChange[]>()
  const marks: PageMark[] = []
  let previous = after
  for (const entry of entries) {
    if (entry.kind === 'change') {
      const change = new SharedChange(entry, previous)
      const changes = tables.get(change.table)
      if (changes === undefined) tables.set(change.table, [change])
      else changes.push(change)
    } else if (entry.kind !== 'progress') marks.push({ entry, previous })
    previous = entry.id
  }
  return { last: previous, tables, marks }
}
