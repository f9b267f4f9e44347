import { tableName, type CapturedTable } from '../captured-table.ts'
import type { TableFacts } from '../database/catalog.ts'
import type { RelationMessage } from '../pgoutput/messages.ts'
import { isSameValue, TUPLE_NULL, TUPLE_TEXT, TUPLE_UNCHANGED, type Tuple } from '../pgoutput/tuple.ts'
import type { Codec } from './codec.ts'
import { columnCodec, type Types } from './column-codec.ts'
import type { JsonWriter } from './json-writer.ts'

/** Turns the rows of one relation, as one Relation message describes it, into JSON text. */
export interface TableEncoder {
  /** `schema.table` */
  readonly tableName: string
  /** `"schema":"…","table":"…"` */
  readonly sourceText: string
  /** The key as a JSON object, or `null` where the table has none. A large key that the statement left alone is taken from `old`. */
  key(out: JsonWriter, tuple: Tuple, old?: Tuple): string | null
  /** Whether both rows were sent with one and the same key; `false` where that is not plain to see. */
  hasSameKey(tuple: Tuple, old: Tuple): boolean
  /** Writes a whole row. Where the tuple lacks a value that the statement left alone, it is taken from `old`, else it is the placeholder. */
  row(out: JsonWriter, tuple: Tuple, old?: Tuple): void
  /** Writes a row of which only the replica identity was sent: the rest is NULL, or what Debezium invents where NULL is not allowed. */
  identityRow(out: JsonWriter, tuple: Tuple): void
  /** JSON array of all withheld columns, for a row that comes or goes; `undefined` when there is none. */
  readonly withheld: string | undefined
  /** JSON array of the withheld columns that an update changed; `undefined` when there is none. */
  excluded(tuple: Tuple, old?: Tuple): string | undefined
}

interface ColumnPlan {
  index: number
  /** `"name":` */
  label: string
  codec: Codec
  isKey: boolean
  /** What stands for a value that was not sent in a key-only row. */
  absent: string
}

/**
 * @param facts - what the catalog knows by now; `undefined` for a table that is gone. Names in `relation` win: they are of the WAL's time
 * @param captured - which columns may leave
 */
export function createTableEncoder(relation: RelationMessage, facts: TableFacts | undefined, types: Types, captured: CapturedTable): TableEncoder {
  const allowed = captured.columns === undefined ? undefined : new Set(captured.columns)
  const keyNames = keyColumns(relation, facts)
  const notNull = new Set(facts?.columns.filter((column) => column.isNotNull).map((column) => column.name))
  const plans: ColumnPlan[] = []
  const withheld: { index: number; text: string }[] = []
  for (const [index, column] of relation.columns.entries()) {
    const codec = columnCodec(types, column.typeOid, column.typmod)
    const isAllowed = allowed === undefined || allowed.has(column.name) || keyNames.includes(column.name)
    const text = JSON.stringify(column.name)
    if (codec === undefined || !isAllowed) withheld.push({ index, text })
    else plans.push({ index, label: `${text}:`, codec, isKey: column.isKey, absent: notNull.has(column.name) ? codec.zero : 'null' })
  }
  const keyPlans = keyNames.flatMap((name) => plans.find((plan) => relation.columns[plan.index]?.name === name) ?? [])

  return {
    tableName: tableName(captured),
    sourceText: `"schema":${JSON.stringify(captured.schema)},"table":${JSON.stringify(captured.name)}`,
    key: (out, tuple, old) => (keyPlans.length === 0 ? null : keyText(out, keyPlans, tuple, old)),
    hasSameKey: (tuple, old) => keyPlans.every(({ index }) => tuple.kinds[index] === TUPLE_TEXT && isSameValue(tuple, old, index)),
    row: (out, tuple, old) => writeRow(out, plans, tuple, old),
    identityRow: (out, tuple) => writeIdentity(out, plans, tuple),
    withheld: withheld.length === 0 ? undefined : `[${withheld.map(({ text }) => text).join(',')}]`,
    excluded: (tuple, old) => (withheld.length === 0 ? undefined : excludedText(withheld, tuple, old)),
  }
}

/** With FULL every column carries the key flag, so the catalog decides; the flags help where it no longer knows the table. */
function keyColumns(relation: RelationMessage, facts: TableFacts | undefined): string[] {
  const names = new Set(relation.columns.map((column) => column.name))
  if (facts !== undefined && facts.key.length > 0 && facts.key.every((name) => names.has(name))) return facts.key
  if (relation.replicaIdentity === 'f') return []
  return relation.columns.filter((column) => column.isKey).map((column) => column.name)
}

function writeRow(out: JsonWriter, plans: readonly ColumnPlan[], tuple: Tuple, old: Tuple | undefined): void {
  let separator = '{'
  for (const plan of plans) {
    out.text(separator)
    separator = ','
    out.text(plan.label)
    const kind = tuple.kinds[plan.index]
    if (kind === TUPLE_TEXT) writeValue(out, plan, tuple)
    else if (kind === TUPLE_NULL) out.text('null')
    // A NULL in an old row of which only the key was sent means nothing.
    else if (kind === TUPLE_UNCHANGED && old?.kinds[plan.index] === TUPLE_TEXT) writeValue(out, plan, old)
    else out.text(plan.codec.placeholder)
  }
  out.text(plans.length === 0 ? '{}' : '}')
}

/** A key column that the replica identity does not hold was not sent. */
function keyText(out: JsonWriter, plans: readonly ColumnPlan[], tuple: Tuple, old: Tuple | undefined): string {
  const isWhole = plans.every(({ index }) => tuple.kinds[index] === TUPLE_TEXT)
  if (isWhole || old !== undefined) writeRow(out, plans, tuple, old)
  else writeIdentity(out, plans, tuple)
  return out.take()
}

function writeIdentity(out: JsonWriter, plans: readonly ColumnPlan[], tuple: Tuple): void {
  let separator = '{'
  for (const plan of plans) {
    out.text(separator)
    separator = ','
    out.text(plan.label)
    if (tuple.kinds[plan.index] === TUPLE_TEXT) writeValue(out, plan, tuple)
    else out.text(plan.absent)
  }
  out.text(plans.length === 0 ? '{}' : '}')
}

function writeValue(out: JsonWriter, { index, codec }: ColumnPlan, tuple: Tuple): void {
  const [start, end] = [tuple.starts[index] ?? 0, tuple.ends[index] ?? 0]
  if (codec.write !== undefined) codec.write(out, tuple.buffer, start, end)
  else out.text(codec.encode(tuple.buffer.toString(codec.isAscii ? 'latin1' : 'utf8', start, end)))
}

function excludedText(withheld: readonly { index: number; text: string }[], tuple: Tuple, old: Tuple | undefined): string | undefined {
  const names = withheld
    .filter(({ index }) => tuple.kinds[index] !== TUPLE_UNCHANGED && (old === undefined || !isSameValue(tuple, old, index)))
    .map(({ text }) => text)
  return names.length === 0 ? undefined : `[${names.join(',')}]`
}
