import type pg from 'pg'
import { COMMIT, type Reading } from './fold-log.ts'

/** What `test_decoding`, Postgres's own example of an output plugin, read from the same WAL. */
export async function readTestDecoding(client: pg.Client, slot: string): Promise<Reading[]> {
  const result = await client.query<{ data: string }>(`SELECT data FROM pg_logical_slot_get_changes($1, NULL, NULL, 'skip-empty-xacts', '1')`, [slot])
  const readings: Reading[] = []
  for (const { data } of result.rows) {
    if (!data.startsWith('COMMIT')) readings.push(...readingsOf(data))
    // A transaction of other tables is none here.
    else if (readings.length > 0 && readings.at(-1) !== COMMIT) readings.push(COMMIT)
  }
  return readings
}

function readingsOf(data: string): Reading[] {
  const truncated = /^table (.*): TRUNCATE:/.exec(data)?.[1]
  if (truncated !== undefined) return truncated.split(', ').map((name) => ['t', name.slice(name.indexOf('.') + 1), ''])
  const change = /^table public\.(\w+): (INSERT|UPDATE|DELETE): (.*)$/s.exec(data)
  if (change === null) return []
  const [, name = '', operation, values = ''] = change
  // It names partitions; the capture names their root.
  const table = name.startsWith('delta_') ? 'delta' : name
  if (!['alpha', 'beta', 'gamma', 'delta'].includes(table)) return []
  if (operation === 'INSERT') return [['c', table, keyOf(table, values)]]
  if (operation === 'DELETE') return [['d', table, keyOf(table, values)]]
  const split = values.indexOf(' new-tuple: ')
  const newKey = keyOf(table, split < 0 ? values : values.slice(split))
  const oldKey = split < 0 ? newKey : keyOf(table, values.slice(0, split))
  if (oldKey === newKey) return [['u', table, newKey]]
  return [
    ['d', table, oldKey],
    ['c', table, newKey],
  ]
}

function keyOf(table: string, values: string): string {
  if (table !== 'beta') return JSON.stringify({ id: Number(/(?:^|\s)id\[integer\]:(-?\d+)/.exec(values)?.[1]) })
  const a = Number(/(?:^|\s)a\[integer\]:(-?\d+)/.exec(values)?.[1])
  const b = /\sb\[text\]:'((?:[^']|'')*)'/.exec(values)?.[1] ?? ''
  return JSON.stringify({ b: b.replaceAll(`''`, `'`), a })
}
