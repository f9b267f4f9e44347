import type { QueryResult } from './query-result.ts'
import { shareStructure } from './share-structure.ts'

/** The next result, in which everything that equals the previous one is the previous one. */
export function shareResult(previous: QueryResult, next: QueryResult): QueryResult {
  if (next.shape === 'value') {
    if (previous.shape !== 'value') return next
    const value = shareStructure(previous.value, next.value)
    return value === previous.value ? previous : { shape: 'value', value }
  }
  if (previous.shape !== next.shape) return next
  const known = new Map(previous.keys.map((key, index) => [key, previous.rows[index]]))
  const rows = next.rows.map((row, index) => shareStructure(known.get(next.keys[index] ?? ''), row))
  return { ...next, rows: isSameList(rows, previous.rows) ? previous.rows : rows }
}

export function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}
