import { compareEntryIds, type BulkEntry, type EntryId, type EpochEntry, type LogEntry } from '@zenstack-live/protocol'
import { SharedChange } from './shared-change.ts'

/** Entries that end continuity for someone. */
export interface PageMark {
  entry: EpochEntry | BulkEntry
  previous: EntryId
}

/** A stretch of the log, sorted by table so that a reader looks only at what concerns it. */
export interface StreamPage {
  /** The id the page was read after. */
  after: EntryId
  last: EntryId
  tables: ReadonlyMap<string, readonly SharedChange[]>
  marks: readonly PageMark[]
}

export function createStreamPage(after: EntryId, entries: readonly LogEntry[]): StreamPage {
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
  return { after, last: previous, tables, marks }
}

/** The changes of a table after an id; a reader may begin in the middle of a page. */
export function changesAfter(page: StreamPage, table: string, after: EntryId): readonly SharedChange[] {
  const changes = page.tables.get(table) ?? []
  return compareEntryIds(page.after, after) >= 0 ? changes : changes.filter(({ entry }) => compareEntryIds(entry.id, after) > 0)
}
