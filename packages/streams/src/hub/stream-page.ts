import { parseExactChange, tableKey, type Model, type StoredRow } from '@zenstack-live/model'
import {
  compareEntryIds,
  parseChangeEnvelope,
  type BulkEntry,
  type ChangeEntry,
  type ChangeEnvelope,
  type EntryId,
  type EpochEntry,
  type LogEntry,
} from '@zenstack-live/protocol'
import { lazyRowsOf } from '../lazy-row.ts'
import { peekChange } from './peek-change.ts'

const LONG_NUMBER = /\d{16}/

export interface ChangeRows {
  model: Model
  before: StoredRow | null
  after: StoredRow | null
}

/** A change as all readers of this process share it: parsed once, when the first of them needs it. */
export class SharedChange {
  readonly entry: ChangeEntry
  /** The entry before it: everything up to there is done when this is the oldest unfinished one. */
  readonly previous: EntryId
  readonly op: string
  #envelope: ChangeEnvelope | undefined
  #rows: ChangeRows | undefined

  constructor(entry: ChangeEntry, previous: EntryId, op: string) {
    this.entry = entry
    this.previous = previous
    this.op = op
  }

  get envelope(): ChangeEnvelope {
    this.#envelope ??= parseChange(this.entry.value)
    return this.#envelope
  }

  /** Both images as the table's model knows them; streams of one model share what the others decoded. */
  rows(model: Model): ChangeRows {
    if (this.#rows?.model !== model) {
      const { before, after } = this.envelope
      const rowOf = lazyRowsOf(model)
      this.#rows = { model, before: before === null ? null : rowOf(before), after: after === null ? null : rowOf(after) }
    }
    return this.#rows
  }
}

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
      const { table, op } = peekChange(entry.value) ?? readChange(entry.value)
      const changes = tables.get(table)
      const change = new SharedChange(entry, previous, op)
      if (changes === undefined) tables.set(table, [change])
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

/** Reading numbers exactly costs ten times as much, and only rows need it: every `source` has timestamps of 16 digits. */
function parseChange(text: string): ChangeEnvelope {
  const source = text.lastIndexOf('"source":{')
  return source > 0 && !LONG_NUMBER.test(text.slice(0, source)) ? parseChangeEnvelope(text) : parseExactChange(text)
}

function readChange(text: string): { table: string; op: string } {
  const { source, op } = parseChangeEnvelope(text)
  return { table: tableKey({ schema: source.schema, name: source.table }), op }
}
