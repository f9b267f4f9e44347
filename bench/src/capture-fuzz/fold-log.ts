import type { ChangeLog } from '@zenstack-live/change-log'
import { FIRST_ENTRY_ID, parseChangeEnvelope, type EntryId, type LogEntry } from '@zenstack-live/protocol'

/** What the log says, as a second reader of the same WAL would say it: operation, table and key of each change. */
export type Reading = readonly [operation: string, table: string, key: string]

export interface FoldedTable {
  /** Key to row, both JSON text. */
  rows: Map<string, string>
  /** Told to be read again: rows that no change has touched since then are not known. */
  isPartial: boolean
}

export interface FoldedLog {
  tables: Map<string, FoldedTable>
  readings: Reading[]
  /** Changes that do not fit the state before them: repeated, missing or out of order. */
  misfits: string[]
  transactions: number
}

/** Applies the whole log to empty tables. */
export async function foldLog(log: ChangeLog, tableNames: readonly string[]): Promise<FoldedLog> {
  const folded: FoldedLog = {
    tables: new Map(tableNames.map((name) => [name, { rows: new Map(), isPartial: false }])),
    readings: [],
    misfits: [],
    transactions: 0,
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
  const key = entry.key ?? ''
  folded.readings.push([op, source.table, key])
  if (op === 't') {
    table.rows.clear()
    table.isPartial = false
    return
  }
  const known = table.rows.get(key)
  const fits = op === 'c' ? known === undefined : known === JSON.stringify(before) || (known === undefined && table.isPartial)
  if (!fits) folded.misfits.push(`${entry.id}: ${op} ${source.table} ${key} does not fit ${known ?? 'no row'}`)
  if (op === 'd') table.rows.delete(key)
  else table.rows.set(key, JSON.stringify(after))
}
