import type { CapturedTable } from '@zenstack-live/cdc'
import type { LogEntry } from '@zenstack-live/protocol'
import { events } from './events.ts'

/**
 * Applies the log, entry by entry, to empty tables, and compares with what the tables hold.
 *
 * @returns rows that differ, and changes that did not fit the state before them (an insert of a row that is there, a delete of one
 *   that is not): a change that came twice, or out of order
 */
export async function fold(
  entries: readonly LogEntry[],
  tables: readonly CapturedTable[],
  sql: (text: string) => Promise<Record<string, unknown>[]>,
): Promise<{ mismatches: string[]; repeated: number }> {
  const state = new Map(tables.map(({ name }) => [name, new Map<string, string>()]))
  let repeated = 0
  for (const { op, table, key, before, after } of events(entries)) {
    const rows = state.get(table)
    if (rows === undefined) continue
    const id = JSON.stringify(key)
    if (op === 't') rows.clear()
    else if (op === 'c' || op === 'r' ? rows.has(id) : rows.get(id) !== JSON.stringify(before)) repeated++
    if (op === 'd') rows.delete(id)
    else if (op === 'c' || op === 'u' || op === 'r') rows.set(id, JSON.stringify(after))
  }
  const mismatches: string[] = []
  for (const { name } of tables) {
    const rows = new Set((await sql(`SELECT * FROM "${name}"`)).map((row) => JSON.stringify(row)))
    const folded = new Set(state.get(name)?.values())
    for (const row of rows) if (!folded.has(row)) mismatches.push(`${name}: the log lacks ${row}`)
    for (const row of folded) if (!rows.has(row)) mismatches.push(`${name}: the table lacks ${row}`)
  }
  return { mismatches, repeated }
}
