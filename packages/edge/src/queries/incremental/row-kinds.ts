import type { RowPlan, Verdict } from '@zenstack-live/access'
import type { StoredRow } from '@zenstack-live/model'

/** Rows that are alike in all that a decision reads. */
export type RowKind = object

/** What one identity was told of the last kind of row. Changes of one row, and of rows that are alike, come one after the other. */
export interface LastVerdict {
  kind: RowKind | undefined
  verdict: Verdict
}

const MAX_KINDS = 1_000

/**
 * Names kinds of rows for one plan. A verdict follows from the values of the fields that the decision reads, from who asks, and from
 * that identity's key sets: whoever remembers one forgets it when a set changes.
 */
export function createRowKinds(rows: RowPlan): (row: StoredRow | null) => RowKind | undefined {
  const fields = [...rows.fields]
  const kinds = new Map<string, RowKind>()
  return (row) => {
    const text = row === null ? undefined : valuesText(fields, row)
    if (text === undefined) return undefined
    const known = kinds.get(text)
    if (known !== undefined) return known
    if (kinds.size >= MAX_KINDS) kinds.clear()
    const kind: RowKind = {}
    kinds.set(text, kind)
    return kind
  }
}

/** `undefined` where a value is not of those that JSON tells apart exactly. */
function valuesText(fields: readonly string[], row: StoredRow): string | undefined {
  const values: unknown[] = []
  for (const name of fields) {
    const value = row[name]
    const isPlain = value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
    if (!isPlain || Object.is(value, -0)) return undefined
    values.push(value)
  }
  return JSON.stringify(values)
}
