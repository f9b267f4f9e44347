import type { ChangeLog } from '@zenstack-live/change-log'
import { FIRST_ENTRY_ID, parseChangeEnvelope, type ChangeEntry, type EntryId, type LogEntry } from '@zenstack-live/protocol'

/** What the log says, as a second reader of the same WAL would say it: operation, table and key of each change, and where a transaction ends. */
export type Reading = readonly [operation: string, table: string, key: string]

export const COMMIT: Reading = ['commit', '', '']

export interface FoldedTable {
  /**
   * Key to rows, all JSON text. Between the statements of a transaction, and where a deferred constraint allows it, two rows may have
   * one key: they swap theirs.
   */
  rows: Map<string, string[]>
  /** Told to be read again: rows that no change has touched since then are not known. */
  isPartial: boolean
}

export interface FoldedLog {
  tables: Map<string, FoldedTable>
  readings: Reading[]
  /** Changes that do not fit the state before them: repeated, missing or out of order. */
  misfits: string[]
  transactions: number
  /** Rows of each key that the open transaction changed. */
  touched: Set<string[]>
}

/** Applies the whole log to empty tables. */
export async function foldLog(log: ChangeLog, tableNames: readonly string[]): Promise<FoldedLog> {
  const folded: FoldedLog = {
    tables: new Map(tableNames.map((name) => [name, { rows: new Map(), isPartial: false }])),
    readings: [],
    misfits: [],
    transactions: 0,
    touched: new Set(),
  }
  let after: EntryId = FIRST_ENTRY_ID
  for (;;) {
    const page = await log.read(after)
    for (const entry of page) apply(folded, entry)
    const last = page.at(-1)
    if (last === undefined) return folded
    after = last.id
  }
}

function apply(folded: FoldedLog, entry: LogEntry): void {
  if (entry.kind === 'bulk') {
    for (const name of entry.tables) {
      const table = folded.tables.get(name.slice(name.indexOf('.') + 1))
      if (table === undefined) continue
      table.rows.clear()
      table.isPartial = true
    }
    return
  }
  if (entry.kind !== 'change') return
  if (entry.isLastOfTransaction) folded.transactions++
  const { op, before, after, source } = parseChangeEnvelope(entry.value)
  const table = folded.tables.get(source.table)
  if (table === undefined) return
  applyChange(folded, entry, table, { op, before, after, table: source.table })
  if (entry.isLastOfTransaction) folded.readings.push(COMMIT)
}

interface Change {
  op: string
  before: unknown
  after: unknown
  table: string
}

function applyChange(folded: FoldedLog, entry: ChangeEntry, table: FoldedTable, { op, before, after, table: name }: Change): void {
  const key = entry.key ?? ''
  folded.readings.push([op, name, key])
  if (op === 't') {
    table.rows.clear()
    table.isPartial = false
    folded.touched.clear()
    return
  }
  const rows = table.rows.get(key) ?? []
  if (op !== 'c') {
    const at = rows.indexOf(JSON.stringify(before))
    if (at >= 0) rows.splice(at, 1)
    else if (!table.isPartial) folded.misfits.push(`${entry.id}: ${op} ${name} ${key} does not fit ${rows.join(' and ') || 'no row'}`)
  }
  if (op !== 'd') rows.push(JSON.stringify(after))
  if (rows.length === 0) table.rows.delete(key)
  else table.rows.set(key, rows)
  folded.touched.add(rows)
  if (!entry.isLastOfTransaction) return
  for (const touched of folded.touched) if (touched.length > 1) folded.misfits.push(`${entry.id}: one key has the rows ${touched.join(' and ')}`)
  folded.touched.clear()
}
