/*
 * What the user sees is the base, as the server last said it, with every write on top that was made here and has not come back yet.
 * A write is kept as what it did to the rows it touched, so that it can be made again on every newer base.
 */

/** One thing a write did to a result. */
export type PatchOperation =
  | { readonly kind: 'set'; readonly id: string; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly kind: 'insert'; readonly id: string; readonly row: Row; readonly index: number }
  | { readonly kind: 'remove'; readonly id: string }
  /** Rows that cannot be told apart, or a value: the whole result as it was written. */
  | { readonly kind: 'replace'; readonly value: unknown }

export type Row = Readonly<Record<string, unknown>>

/** Names a row by its id fields; `undefined` when they were not selected. */
export type RowId = (row: Row) => string | undefined

/** What turned `shown` into `written`. */
export function diffResult(shown: unknown, written: unknown, rowId: RowId): PatchOperation[] {
  if (Object.is(shown, written)) return []
  if (Array.isArray(shown) && Array.isArray(written)) return diffRows(shown, written, rowId) ?? [{ kind: 'replace', value: written }]
  if (isRow(shown) && (isRow(written) || written === null))
    return diffRows([shown], written === null ? [] : [written], rowId) ?? [{ kind: 'replace', value: written }]
  return [{ kind: 'replace', value: written }]
}

/** The base with these operations made on it again; rows they do not touch keep their identity. */
export function applyPatch(base: unknown, operations: readonly PatchOperation[], rowId: RowId): unknown {
  if (Array.isArray(base)) return patchRows(base, operations, rowId)
  const replaced = operations.findLast((operation) => operation.kind === 'replace')
  if (replaced !== undefined) return replaced.value
  if (!isRow(base)) return base
  return (
    patchRows(
      [base],
      operations.filter(({ kind }) => kind !== 'insert'),
      rowId,
    )[0] ?? null
  )
}

/** The result as if the server had said it: its rows are not marked as optimistic. */
export function withoutMarks(result: unknown): unknown {
  if (Array.isArray(result)) return result.map((row: unknown) => withoutMark(row))
  return withoutMark(result)
}

/** Whether the base already says what the operation wanted. */
export function isRedundant(base: unknown, operation: PatchOperation, rowId: RowId): boolean {
  if (operation.kind === 'replace') return false
  const rows: readonly unknown[] = Array.isArray(base) ? base : [base]
  const row = rows.find((candidate) => isRow(candidate) && rowId(candidate) === operation.id)
  if (operation.kind === 'remove') return row === undefined
  if (operation.kind === 'insert') return row !== undefined
  return isRow(row) && Object.entries(operation.fields).every(([name, value]) => name === '$optimistic' || isSame(row[name], value))
}

/** Whether a row that came from the server is the one that a create with this data was expected to make. */
export function isCreatedFrom(row: Row, data: Row): boolean {
  const scalars = Object.entries(data).filter(([, value]) => value === null || typeof value !== 'object' || value instanceof Date)
  return scalars.length > 0 && scalars.every(([name, value]) => !(name in row) || isSame(row[name], value)) && scalars.some(([name]) => name in row)
}

function withoutMark(row: unknown): unknown {
  if (!isRow(row) || !('$optimistic' in row)) return row
  const { $optimistic: _, ...rest } = row
  return rest
}

export function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function diffRows(shown: readonly unknown[], written: readonly unknown[], rowId: RowId): PatchOperation[] | undefined {
  const untouched = new Set(shown)
  const before = new Map<string, Row>()
  const gone = new Set(shown)
  for (const row of written) gone.delete(row)
  for (const row of gone) {
    const id = isRow(row) ? rowId(row) : undefined
    if (id === undefined || !isRow(row)) return undefined
    before.set(id, row)
  }
  const operations: PatchOperation[] = []
  for (const [index, row] of written.entries()) {
    if (untouched.has(row)) continue
    const id = isRow(row) ? rowId(row) : undefined
    if (id === undefined || !isRow(row)) return undefined
    const old = before.get(id)
    before.delete(id)
    if (old === undefined) {
      operations.push({ kind: 'insert', id, row, index })
      continue
    }
    const fields = changedFields(old, row)
    if (Object.keys(fields).length > 0) operations.push({ kind: 'set', id, fields })
  }
  for (const id of before.keys()) operations.push({ kind: 'remove', id })
  return operations
}

function changedFields(before: Row, after: Row): Row {
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => !isSame(before[name], value)))
}

function patchRows(base: readonly unknown[], operations: readonly PatchOperation[], rowId: RowId): readonly unknown[] {
  const places = new Map<string, number>()
  for (const [index, row] of base.entries()) {
    const id = isRow(row) ? rowId(row) : undefined
    if (id !== undefined) places.set(id, index)
  }
  const rows: unknown[] = base.slice()
  const inserts: { row: Row; index: number }[] = []
  const removed = new Set<number>()
  for (const operation of operations) {
    if (operation.kind === 'replace') return Array.isArray(operation.value) ? operation.value : base
    const place = places.get(operation.id)
    if (operation.kind === 'insert') {
      if (place === undefined) inserts.push(operation)
      continue
    }
    if (place === undefined) continue
    if (operation.kind === 'remove') removed.add(place)
    else rows[place] = { ...(rows[place] as Row), ...operation.fields }
  }
  const kept = removed.size === 0 ? rows : rows.filter((_, index) => !removed.has(index))
  for (const { row, index } of inserts) kept.splice(Math.min(index, kept.length), 0, row)
  return kept
}

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime()
  return (
    typeof a === 'object' &&
    typeof b === 'object' &&
    a !== null &&
    b !== null &&
    'toJSON' in a &&
    'toJSON' in b &&
    JSON.stringify(a) === JSON.stringify(b)
  )
}
