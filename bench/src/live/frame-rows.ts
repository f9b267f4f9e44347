import { deserialize } from '@zenstackhq/client-helpers/fetch'
import type { Frame, ResultOperation, RowChange } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import { rowsIn, type SeenRow } from './rows-in.ts'
import { sortFields } from './sort-fields.ts'
import type { AskedQuery } from './client-network.ts'

/** A row, and its key where it is told. */
export interface KeyedRow extends SeenRow {
  readonly key?: string
}

/** What a frame shows of rows as they are since, with what their places tell of them, and of those inside them. */
export function rowsNow(schema: SchemaDef, frame: Frame, query: AskedQuery): KeyedRow[] {
  if (frame.event === 'snapshot' && frame.shape !== 'value') {
    const rows = deserialize(frame.rows, frame.meta) as typeof frame.rows
    return rows.flatMap((row) => placedRows(schema, query, row))
  }
  if (frame.event === 'change') {
    const operations = deserialize(frame.ops, frame.meta) as ResultOperation[]
    return operations.flatMap((operation) => {
      if (operation.op === 'value' || operation.op === 'leave') return []
      const row = operation.op === 'enter' ? operation.row : operation.op === 'update' ? operation.set : {}
      return placedRows(schema, query, { row, key: operation.key, sort: operation.sort })
    })
  }
  return frame.event === 'changes' ? changesIn(frame).flatMap((change) => rowsOf(schema, query, afterOf(change))) : []
}

/** What a value tells of rows: those that a group or an extreme is of. Sums tell of no row. */
export function rowsOfValue(schema: SchemaDef, frame: Frame, { model, args }: AskedQuery): SeenRow[] {
  const by = [args['by'] ?? []].flat() as string[]
  const of = (record: object): SeenRow[] => (Object.values(record).every((value) => value === null) ? [] : rowsIn(schema, model, record))
  return valuesIn(frame)
    .flatMap((value) => value)
    .flatMap((value) => {
      const record = Object(value) as Readonly<Record<string, unknown>>
      const extremes = ['_min', '_max'].flatMap((name) => Object.entries(Object(record[name]) as object))
      return [...extremes, ...by.map((name) => [name, record[name]] as const)].flatMap(([name, field]) => of({ [name]: field }))
    })
}

/** What a frame shows of rows as they were before a change. */
export function rowsBefore(schema: SchemaDef, frame: Frame, query: AskedQuery): KeyedRow[] {
  if (frame.event !== 'changes') return []
  return changesIn(frame).flatMap((change) => (change.type === 'updated' ? rowsOf(schema, query, change.updated.before) : []))
}

/** What a row is since a change. */
export function afterOf(change: RowChange): unknown {
  return change.type === 'created' ? change.created : change.type === 'updated' ? change.updated.after : undefined
}

export function keysIn(frame: Frame): string[] {
  if (frame.event === 'snapshot' && frame.shape !== 'value') return frame.rows.map(({ key }) => key)
  return frame.event === 'change' ? frame.ops.flatMap((operation) => ('key' in operation ? [operation.key] : [])) : []
}

export function valuesIn(frame: Frame): unknown[] {
  if (frame.event === 'snapshot' && frame.shape === 'value') return [deserialize(frame.value, frame.meta)]
  if (frame.event !== 'change') return []
  return (deserialize(frame.ops, frame.meta) as ResultOperation[]).flatMap((operation) => (operation.op === 'value' ? [operation.value] : []))
}

/** With the types their values have, as far as they are told: the rows of a snapshot, and what enters or changes. */
export function recordsIn(frame: Frame): unknown[] {
  if (frame.event === 'snapshot' && frame.shape !== 'value') return (deserialize(frame.rows, frame.meta) as typeof frame.rows).map(({ row }) => row)
  if (frame.event !== 'change') return []
  return (deserialize(frame.ops, frame.meta) as ResultOperation[]).flatMap((operation) =>
    operation.op === 'enter' ? [operation.row] : operation.op === 'update' ? [operation.set] : [],
  )
}

/** With the types their values have. */
export function changesIn(frame: Extract<Frame, { event: 'changes' }>): RowChange[] {
  return deserialize(frame.changes, frame.meta) as RowChange[]
}

/** Of what a change says of a row: `null` says nothing. */
function rowsOf(schema: SchemaDef, { model }: AskedQuery, record: unknown): SeenRow[] {
  return record === null || record === undefined ? [] : rowsIn(schema, model, record)
}

interface Placed {
  readonly row: unknown
  readonly key: string
  readonly sort?: string | undefined
}

function placedRows(schema: SchemaDef, { model, args, hidesKeys }: AskedQuery, { row, key, sort }: Placed): KeyedRow[] {
  const [own, ...inside] = rowsIn(schema, model, Object(row) as object)
  if (own === undefined) return []
  const fields = new Map(own.fields)
  for (const [name, text] of sort === undefined ? [] : sortFields(schema, model, args['orderBy'], sort)) {
    // No row holds two values in one field.
    fields.set((fields.get(name) ?? text) === text ? name : `the place by ${name}`, text)
  }
  return [{ ...own, fields, ...(hidesKeys ? {} : { key }) }, ...inside]
}
