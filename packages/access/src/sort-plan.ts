import type { Decimal } from 'decimal.js'
import type { DataModel, Field, Model, StoredRow, StoredScalar, StoredTime } from '@zenstack-live/model'
import { isOrderedByCodePoint } from './domain/lower-case.ts'
import { withoutBlanks } from './domain/text.ts'
import { modelPolicyOf } from './model-policy.ts'

/** An order of rows that memory knows exactly. */
export interface SortPlan {
  /** The `orderBy` as it must be asked of the database: the given one, completed with the primary key. */
  readonly orderBy: readonly Record<string, unknown>[]
  readonly fields: ReadonlySet<string>
  /**
   * Compares, code unit by code unit, as Postgres orders the rows. Takes the row as the reader sees it (`RowPlan.mask`);
   * `undefined` when the row lacks a field.
   */
  sortKey(row: StoredRow): string | undefined
}

/**
 * Names what sort keys are made of. Another one wherever a release encodes, or completes, an order in another way: keys of before cannot be
 * compared with its own, and who holds such rows begins anew.
 */
export const SORT_ENCODING = '1'

interface Term {
  readonly field: Field
  readonly isDescending: boolean
  readonly areNullsFirst: boolean
  readonly encode: (value: StoredScalar) => string
}

/**
 * @param orderBy - as validated: one object or a list of them, or nothing
 * @returns `ask-database` for relations, aggregates, JSON, lists, and text whose collation orders by rules of its own
 */
export function compileSort(data: DataModel, modelName: string, orderBy: unknown): SortPlan | 'ask-database' {
  const model = data.models.get(modelName)
  if (model === undefined || data.catalog.encoding !== 'UTF8') return 'ask-database'
  const given = (Array.isArray(orderBy) ? (orderBy as unknown[]) : orderBy === undefined || orderBy === null ? [] : [orderBy]).flatMap((each) =>
    Object.entries(each as object).filter(([, value]) => Boolean(value)),
  )
  const named = new Set(given.map(([name]) => name))
  const completed: [string, unknown][] = [
    ...given,
    ...model.idFields.filter((name) => !named.has(name)).map((name): [string, unknown] => [name, 'asc']),
  ]
  const terms: Term[] = []
  for (const [name, value] of completed) {
    const term = termOf(data, model, name, value)
    if (term === undefined) return 'ask-database'
    terms.push(term)
  }
  return {
    orderBy: completed.map(([name, value]) => ({ [name]: value })),
    fields: new Set(completed.map(([name]) => name)),
    sortKey: (row) => sortKey(terms, row),
  }
}

function termOf(data: DataModel, model: Model, name: string, value: unknown): Term | undefined {
  const field = model.fields.get(name)
  const options = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : { sort: value }
  if (field === undefined || field.isList || (options['sort'] !== 'asc' && options['sort'] !== 'desc')) return undefined
  const encode = encoderOf(field)
  // Under field policies ZenStack selects mapped members as text, and orders by that.
  const isTextOfEnum = field.labels?.isMapped === true && modelPolicyOf(data, model).fields.length > 0
  if (encode === undefined || isTextOfEnum) return undefined
  const isDescending = options['sort'] === 'desc'
  const nulls = options['nulls']
  return { field, isDescending, areNullsFirst: nulls === undefined || nulls === null ? isDescending : nulls === 'first', encode }
}

function sortKey(terms: readonly Term[], row: StoredRow): string | undefined {
  let key = ''
  for (const { field, isDescending, areNullsFirst, encode } of terms) {
    const value = row[field.name]
    if (value === undefined) return undefined
    if (value === null) key += areNullsFirst ? '0' : '2'
    else {
      const code = encode(value as StoredScalar)
      key += `1${isDescending ? inverted(code) : code}`
    }
  }
  return key
}

/** Codes are made of units up to U+00FF, and none is the beginning of another: turning every unit around turns the order around. */
function inverted(code: string): string {
  let result = ''
  for (let index = 0; index < code.length; index++) result += String.fromCharCode(0x100 - code.charCodeAt(index))
  return result
}

function encoderOf(field: Field): ((value: StoredScalar) => string) | undefined {
  switch (field.columnType) {
    case 'text':
    case 'varchar':
      return isOrderedByCodePoint(field.collation) ? (value) => textCode(value as string) : undefined
    case 'bpchar':
      return isOrderedByCodePoint(field.collation) ? (value) => textCode(withoutBlanks(value as string) ?? '') : undefined
    case 'uuid':
      return (value) => value as string
    case 'int2':
    case 'int4':
    case 'float8':
    case 'float4':
      return (value) => doubleCode(value as number)
    case 'int8':
      return (value) => wholeCode(value as bigint)
    case 'timestamp':
    case 'timestamptz':
    case 'date':
    case 'time':
      return (value) => timeCode(value as StoredTime)
    case 'bool':
      return (value) => (value === true ? '1' : '0')
    case 'numeric':
      return (value) => decimalCode(value as Decimal)
    case 'bytea':
      return (value) => `${Buffer.from(value as Uint8Array).toString('hex')} `
    default:
      return field.type === 'Enum' ? enumEncoder(field) : undefined
  }
}

/** Bytes of UTF-8 as units, ended by what Postgres text cannot hold. */
function textCode(text: string): string {
  return `${Buffer.from(text, 'utf8').toString('latin1')}\0`
}

const buffer = new DataView(new ArrayBuffer(8))

/** IEEE 754 with the sign turned so that it orders as unsigned; NaN last. */
function doubleCode(value: number): string {
  if (Number.isNaN(value)) return 'ffffffffffffffff'
  buffer.setFloat64(0, value === 0 ? 0 : value)
  const bits = buffer.getBigUint64(0)
  return hex64(bits >> 63n === 1n ? ~bits & 0xffff_ffff_ffff_ffffn : bits | (1n << 63n))
}

function wholeCode(value: bigint): string {
  return hex64(value + (1n << 63n))
}

function timeCode(value: StoredTime): string {
  if (value === 'infinity') return 'ffffffffffffffff'
  return value === '-infinity' ? '0000000000000000' : wholeCode(value)
}

function hex64(value: bigint): string {
  return value.toString(16).padStart(16, '0')
}

/** Kind, exponent, digits; both turned around for negatives. A unit below or above all digits ends it. */
function decimalCode(value: Decimal): string {
  if (value.isNaN()) return '6'
  if (!value.isFinite()) return value.isNegative() ? '1' : '5'
  if (value.isZero()) return '3'
  const exponent = (value.e + 0x800000).toString(16).padStart(6, '0')
  const digits = value.abs().toExponential().replace(/e.*$/, '').replace('.', '')
  const code = `${exponent}${digits} `
  return value.isNegative() ? `2${inverted(code)}` : `4${code}`
}

function enumEncoder(field: Field): (value: StoredScalar) => string {
  const places = new Map(field.labels?.order.map((label, index) => [label, index.toString(16).padStart(4, '0')]))
  return (value) => places.get(value as string) ?? 'ffff'
}
