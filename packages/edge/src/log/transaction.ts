import { isSameValue } from '@zenstack-live/access'
import { decodeRow, parseExactChange, rowKey, tableKey, type DataModel, type JoinTable, type Model, type StoredRow } from '@zenstack-live/model'
import type { BulkEntry, ChangeEntry, ChangeSource, EntryId, Lsn, ResetReason } from '@zenstack-live/protocol'
import type { Place } from './place.ts'

/** What one transaction made of one row: the row before it and after it, whatever happened in between. */
export interface RowEffect {
  readonly model: Model
  /** The row's key as text. */
  readonly key: string
  readonly before: StoredRow | null
  readonly after: StoredRow | null
}

/** One commit as the edge sees it. */
export interface Transaction {
  readonly place: Place
  /** The point just before its first entry. */
  readonly before: Place
  /** 32 bits; 0 where no transaction of Postgres stands behind it. */
  readonly xid: number
  /** All tables it touched, as `schema.table`. */
  readonly tables: ReadonlySet<string>
  /** Tables whose rows have to be read again, and why: the entries do not tell what became of them. */
  readonly unknown: ReadonlyMap<string, ResetReason>
  /** Net effects on rows of models, decoded when first asked for. */
  readonly effects: readonly RowEffect[]
  /** Approximate memory it takes. */
  readonly bytes: number
  /** 0 where it is not known, as below. Milliseconds since 1970, with fractions: what began a little before it has begun. */
  readonly committedAtMs: number
  /** When the capture took it from the write-ahead log. */
  readonly capturedAtMs: number
}

/** Joins the entries of one commit. Only the tables are looked at now; rows are decoded when a query wants them. */
export function readTransaction(data: DataModel, entries: readonly ChangeEntry[], before: Place): Transaction | undefined {
  const last = entries.at(-1)
  if (last === undefined) return undefined
  const tables = new Set<string>()
  let unknown: Map<string, ResetReason> | undefined
  const rows: ChangedRow[] = []
  let bytes = 0
  let committedAtMs = 0
  let capturedAtMs = 0
  for (const entry of entries) {
    const envelope = parseExactChange(entry.value)
    if (envelope.op === 'm' || envelope.op === 'r') continue
    const { schema, table } = envelope.source
    tables.add(tableKey({ schema, name: table }))
    bytes += entry.value.length * 2
    committedAtMs = committedAt(envelope.source)
    capturedAtMs = envelope.ts_ms ?? 0
    if (envelope.op === 't') {
      unknown = (unknown ?? new Map()).set(tableKey({ schema, name: table }), 'truncate')
      continue
    }
    const model = modelOf(data.table(schema, table))
    if (model === undefined) continue
    const side = (raw: typeof envelope.before): StoredRow | null => (raw === null || raw === undefined ? null : decodeRow(model, raw))
    const row = { model, before: envelope.op === 'c' ? null : side(envelope.before), after: envelope.op === 'd' ? null : side(envelope.after) }
    if ([row.before, row.after].every((one) => one === null || hasKey(model, one))) rows.push(row)
    // Which row it is cannot be told.
    else unknown = (unknown ?? new Map()).set(tableKey({ schema, name: table }), 'gap')
  }
  const told = { tables, unknown: unknown ?? NOTHING_UNKNOWN, bytes, committedAtMs, capturedAtMs }
  return new ReadTransaction(last, before, told, rows)
}

interface ChangedRow {
  model: Model
  before: StoredRow | null
  after: StoredRow | null
}

const NOTHING_UNKNOWN: ReadonlyMap<string, ResetReason> = new Map()

/**
 * Not a literal: one with an accessor keeps its members in a dictionary, in which whoever reads one has to look it up, and what the accessor holds
 * stays until the next full collection.
 */
class ReadTransaction implements Transaction {
  readonly place: Place
  readonly before: Place
  readonly xid: number
  readonly tables: ReadonlySet<string>
  readonly unknown: ReadonlyMap<string, ResetReason>
  readonly bytes: number
  readonly committedAtMs: number
  readonly capturedAtMs: number
  #rows: readonly ChangedRow[]
  #effects: readonly RowEffect[] | undefined

  constructor(
    last: { id: EntryId; lsn: Lsn; xid: number },
    before: Place,
    told: Pick<Transaction, 'tables' | 'unknown' | 'bytes' | 'committedAtMs' | 'capturedAtMs'>,
    rows: readonly ChangedRow[],
  ) {
    this.place = { entry: last.id, lsn: last.lsn > before.lsn ? last.lsn : before.lsn }
    this.before = before
    this.xid = last.xid
    this.tables = told.tables
    this.unknown = told.unknown
    this.bytes = told.bytes
    this.committedAtMs = told.committedAtMs
    this.capturedAtMs = told.capturedAtMs
    this.#rows = rows
  }

  get effects(): readonly RowEffect[] {
    if (this.#effects === undefined) {
      this.#effects = netEffects(this.#rows.flatMap(splitByKey))
      this.#rows = []
    }
    return this.#effects
  }
}

/** Debezium tells microseconds since 2.6. */
function committedAt({ ts_us, ts_ms }: ChangeSource): number {
  return typeof ts_us === 'number' ? ts_us / 1000 : ts_ms
}

/** A transaction whose rows are not in the log. */
export function readBulk(entry: BulkEntry, before: Place): Transaction {
  const reason: ResetReason = entry.reason ?? 'bulk'
  const unknown = new Map(entry.tables.map((table) => [table, reason]))
  return new ReadTransaction(entry, before, { tables: new Set(entry.tables), unknown, bytes: 0, committedAtMs: 0, capturedAtMs: 0 }, [])
}

/**
 * The first state and the last of each row, in the order in which rows were last touched. What was made and undone again is
 * left out: no one could have seen it.
 */
export function netEffects(effects: Iterable<RowEffect>): RowEffect[] {
  return [...effectsByRow(effects).values()].map(netEffect).filter((effect) => effect.before !== null || effect.after !== null)
}

/** All that happened to each row, in the order in which rows were last touched. */
export function effectsByRow(effects: Iterable<RowEffect>): ReadonlyMap<string, RowEffects> {
  const byRow = new Map<string, RowEffects>()
  for (const effect of effects) {
    const name = `${effect.model.name} ${effect.key}`
    const known = byRow.get(name)
    byRow.delete(name)
    known?.push(effect)
    byRow.set(name, known ?? [effect])
  }
  return byRow
}

type RowEffects = [RowEffect, ...RowEffect[]]

/**
 * What the effects of one row's key make together. Where a key is checked only at the end of a transaction (`DEFERRABLE`), one row may take it before
 * another has left it.
 */
export function netEffect(effects: Readonly<RowEffects>): RowEffect {
  const [first] = effects
  if (effects.length === 1) return first
  let had: StoredRow | null = null
  const came: StoredRow[] = []
  for (const { before, after } of effects) {
    if (before !== null) {
      const at = came.findLastIndex((row) => isSameRow(row, before))
      if (at >= 0) came.splice(at, 1)
      else if (had === null) had = before
      else came.pop()
    }
    if (after !== null) came.push(after)
  }
  return { ...first, before: had, after: came.at(-1) ?? null }
}

/** As far as both are known. */
function isSameRow(one: StoredRow, other: StoredRow): boolean {
  return Object.entries(one).every(([name, value]) => other[name] === undefined || isSameValue(value, other[name]))
}

export function touches(transaction: Transaction, tables: ReadonlySet<string>): boolean {
  for (const table of transaction.tables) if (tables.has(table)) return true
  return false
}

function hasKey({ idFields }: Model, row: StoredRow): boolean {
  return idFields.every((name) => row[name] !== undefined)
}

/** An update that changed the key is one row's end and another's beginning. */
function splitByKey(row: ChangedRow): RowEffect[] {
  const { model, before, after } = row
  const beforeKey = before === null ? undefined : rowKey(model, before)
  const afterKey = after === null ? undefined : rowKey(model, after)
  if (beforeKey !== undefined && beforeKey === afterKey) return [{ model, key: beforeKey, before, after }]
  const effects: RowEffect[] = []
  if (beforeKey !== undefined) effects.push({ model, key: beforeKey, before, after: null })
  if (afterKey !== undefined) effects.push({ model, key: afterKey, before: null, after })
  return effects
}

function modelOf(table: Model | JoinTable | undefined): Model | undefined {
  return table?.kind === 'model' ? table : undefined
}
