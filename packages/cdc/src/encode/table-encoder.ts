import { tableName, type CapturedTable } from '../captured-table.ts'
import type { TableFacts } from '../database/catalog.ts'
import type { RelationMessage } from '../pgoutput/messages.ts'
import { isSameValue, TUPLE_NULL, TUPLE_TEXT, TUPLE_UNCHANGED, type Tuple } from '../pgoutput/tuple.ts'
import type { Codec, WriteValue } from './codec.ts'
import { columnCodec, type Types } from './column-codec.ts'
import { jsonBytes, JsonWriter } from './json-writer.ts'

/** Turns the rows of one relation, as one Relation message describes it, into JSON text. */
export interface TableEncoder {
  /** `schema.table` */
  readonly tableName: string
  /** `"schema":"…","table":"…"` */
  readonly sourceText: string
  /** The key as a JSON object, or `null` where the table has none. A large key that the statement left alone is taken from `old`. */
  key(tuple: Tuple, old?: Tuple): string | null
  /** Whether both rows were sent with one and the same key; `false` where that is not plain to see. */
  hasSameKey(tuple: Tuple, old: Tuple): boolean
  /** Writes a whole row. Where the tuple lacks a value that the statement left alone, it is taken from `old`, else it is the placeholder. */
  row(out: JsonWriter, tuple: Tuple, old?: Tuple): void
  /** Writes the new row of an update. The last that was written to `out` but for a few bytes is the old one: what both have in common is taken from there. */
  updatedRow(out: JsonWriter, tuple: Tuple, old: Tuple): void
  /** Writes a row of which only the replica identity was sent: the rest is NULL, or what Debezium invents where NULL is not allowed. */
  identityRow(out: JsonWriter, tuple: Tuple): void
  /** JSON array of all withheld columns, for a row that comes or goes; `undefined` when there is none. */
  readonly withheld: string | undefined
  /** JSON array of the withheld columns that an update changed; `undefined` when there is none. */
  excluded(tuple: Tuple, old?: Tuple): string | undefined
}

interface ColumnPlan {
  index: number
  /** `{"name":` of the first column, `,"name":` of the others. */
  label: Uint8Array
  write: WriteValue
  /** What stands for a value that was not sent because it did not change. */
  placeholder: Uint8Array
  /** What stands for a value that was not sent in a key-only row. */
  absent: Uint8Array
}

const [NULL, END, EMPTY] = [jsonBytes('null'), jsonBytes('}'), jsonBytes('{}')]

/**
 * @param facts - what the catalog knows by now; `undefined` for a table that is gone. Names in `relation` win: they are of the WAL's time
 * @param captured - which columns may leave
 */
export function createTableEncoder(relation: RelationMessage, facts: TableFacts | undefined, types: Types, captured: CapturedTable): TableEncoder {
  const allowed = captured.columns === undefined ? undefined : new Set(captured.columns)
  const keyNames = keyColumns(relation, facts)
  const notNull = new Set(facts?.columns.filter((column) => column.isNotNull).map((column) => column.name))
  const columns: CodedColumn[] = []
  const withheld: { index: number; text: string }[] = []
  for (const [index, { name, typeOid, typmod }] of relation.columns.entries()) {
    const codec = columnCodec(types, typeOid, typmod)
    const isAllowed = allowed === undefined || allowed.has(name) || keyNames.includes(name)
    if (codec === undefined || !isAllowed) withheld.push({ index, text: JSON.stringify(name) })
    else columns.push({ index, name, codec, absent: notNull.has(name) ? codec.zero : 'null' })
  }
  const plans = columns.map(planColumn)
  const keyPlans = keyNames.flatMap((name) => columns.find((column) => column.name === name) ?? []).map(planColumn)
  const keyOut = new JsonWriter()
  const places = new Int32Array(plans.length + 1)

  return {
    tableName: tableName(captured),
    sourceText: `"schema":${JSON.stringify(captured.schema)},"table":${JSON.stringify(captured.name)}`,
    key: (tuple, old) => (keyPlans.length === 0 ? null : keyText(keyOut, keyPlans, tuple, old)),
    hasSameKey: (tuple, old) => keyPlans.every(({ index }) => tuple.kinds[index] === TUPLE_TEXT && isSameValue(tuple, old, index)),
    row: (out, tuple, old) => writeRow(out, plans, places, tuple, old),
    updatedRow: (out, tuple, old) => writeUpdatedRow(out, plans, places, tuple, old),
    identityRow: (out, tuple) => writeIdentity(out, plans, tuple),
    withheld: withheld.length === 0 ? undefined : `[${withheld.map(({ text }) => text).join(',')}]`,
    excluded: (tuple, old) => (withheld.length === 0 ? undefined : excludedText(withheld, tuple, old)),
  }
}

interface CodedColumn {
  index: number
  name: string
  codec: Codec
  absent: string
}

function planColumn({ index, name, codec, absent }: CodedColumn, place: number): ColumnPlan {
  return {
    index,
    label: jsonBytes(`${place === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    write: codec.write,
    placeholder: jsonBytes(codec.placeholder),
    absent: jsonBytes(absent),
  }
}

/** With FULL every column carries the key flag, so the catalog decides; the flags help where it no longer knows the table. */
function keyColumns(relation: RelationMessage, facts: TableFacts | undefined): string[] {
  const names = new Set(relation.columns.map((column) => column.name))
  if (facts !== undefined && facts.key.length > 0 && facts.key.every((name) => names.has(name))) return facts.key
  if (relation.replicaIdentity === 'f') return []
  return relation.columns.filter((column) => column.isKey).map((column) => column.name)
}

/** @param places - where each column begins, and the last one ends, is noted here */
function writeRow(out: JsonWriter, plans: readonly ColumnPlan[], places: Int32Array, tuple: Tuple, old: Tuple | undefined): void {
  let place = 0
  for (const plan of plans) {
    places[place++] = out.length
    writeColumn(out, plan, tuple, old)
  }
  places[place] = out.length
  out.literal(plans.length === 0 ? EMPTY : END)
}

function writeUpdatedRow(out: JsonWriter, plans: readonly ColumnPlan[], places: Int32Array, tuple: Tuple, old: Tuple): void {
  // First of the columns that are to be taken from the old row.
  let from = 0
  for (const [place, plan] of plans.entries()) {
    if (isKept(tuple, old, plan.index)) continue
    if (from < place) out.again(places[from] ?? 0, places[place] ?? 0)
    from = place + 1
    writeColumn(out, plan, tuple, old)
  }
  if (from < plans.length) out.again(places[from] ?? 0, places[plans.length] ?? 0)
  out.literal(plans.length === 0 ? EMPTY : END)
}

function isKept(tuple: Tuple, old: Tuple, index: number): boolean {
  return (tuple.kinds[index] === TUPLE_UNCHANGED && old.kinds[index] === TUPLE_TEXT) || isSameValue(tuple, old, index)
}

function writeColumn(out: JsonWriter, plan: ColumnPlan, tuple: Tuple, old: Tuple | undefined): void {
  out.literal(plan.label)
  const kind = tuple.kinds[plan.index]
  if (kind === TUPLE_TEXT) writeValue(out, plan, tuple)
  else if (kind === TUPLE_NULL) out.literal(NULL)
  // A NULL in an old row of which only the key was sent means nothing.
  else if (kind === TUPLE_UNCHANGED && old?.kinds[plan.index] === TUPLE_TEXT) writeValue(out, plan, old)
  else out.literal(plan.placeholder)
}

/** A key column that the replica identity does not hold was not sent. */
function keyText(out: JsonWriter, plans: readonly ColumnPlan[], tuple: Tuple, old: Tuple | undefined): string {
  const isWhole = plans.every(({ index }) => tuple.kinds[index] === TUPLE_TEXT)
  if (isWhole || old !== undefined) {
    for (const plan of plans) writeColumn(out, plan, tuple, old)
    out.literal(END)
  } else writeIdentity(out, plans, tuple)
  return out.take()
}

function writeIdentity(out: JsonWriter, plans: readonly ColumnPlan[], tuple: Tuple): void {
  for (const plan of plans) {
    out.literal(plan.label)
    if (tuple.kinds[plan.index] === TUPLE_TEXT) writeValue(out, plan, tuple)
    else out.literal(plan.absent)
  }
  out.literal(plans.length === 0 ? EMPTY : END)
}

function writeValue(out: JsonWriter, { index, write }: ColumnPlan, tuple: Tuple): void {
  write(out, tuple.source, tuple.starts[index] ?? 0, tuple.ends[index] ?? 0)
}

function excludedText(withheld: readonly { index: number; text: string }[], tuple: Tuple, old: Tuple | undefined): string | undefined {
  const names = withheld
    .filter(({ index }) => tuple.kinds[index] !== TUPLE_UNCHANGED && (old === undefined || !isSameValue(tuple, old, index)))
    .map(({ text }) => text)
  return names.length === 0 ? undefined : `[${names.join(',')}]`
}
