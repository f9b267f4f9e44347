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

const made = new WeakMap<readonly LogEntry[], StreamPage>()

/**
 * A page of the log as all readers of this process share it: the log gives the same array to all who follow it.
 *
 * @param after - a place with nothing between it and the first entry
 */
export function streamPageOf(entries: readonly LogEntry[], after: EntryId): StreamPage {
  let page = made.get(entries)
  if (page === undefined) made.set(entries, (page = createStreamPage(entries, after)))
  return page
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
