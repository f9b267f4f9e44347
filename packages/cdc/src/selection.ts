import type { CapturedTable } from './captured-table.ts'
import type { CaptureLimits } from './limits.ts'
import { shapeHash } from './memory.ts'

export interface SelectionOptions {
  tables: readonly CapturedTable[]
  messagePrefixes: readonly string[] | 'all'
  limits: Pick<CaptureLimits, 'maxTransactionEntries' | 'maxTransactionBytes'>
  version: string
}

/** Names everything that decides which entries a transaction becomes: captures of one selection give the same ids. */
export function selectionOf({ tables, messagePrefixes, limits, version }: SelectionOptions): string {
  const named = tables.map((table) => JSON.stringify([table.schema, table.name, table.columns?.toSorted()]))
  const prefixes = messagePrefixes === 'all' ? messagePrefixes : messagePrefixes.toSorted()
  return shapeHash(JSON.stringify([named.sort(), prefixes, limits.maxTransactionEntries, limits.maxTransactionBytes, version]))
}
