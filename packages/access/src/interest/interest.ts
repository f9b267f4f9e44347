import { Decimal } from 'decimal.js'
import type { Field, Model, StoredRow, StoredScalar, StoredTime } from '@zenstack-live/model'
import { withoutBlanks } from '../domain/text.ts'

/**
 * Which rows can concern a query, in a form that can be looked up. A row that none of the branches finds is surely no part of the
 * query's answer; a row that one finds may be. No branches: every row may be.
 */
export interface Interest {
  readonly branches: readonly InterestBranch[]
}

export type InterestBranch = KeysBranch | RangeBranch

/** Rows whose fields have one of these values together; of a list field, rows whose list holds one of them. */
export interface KeysBranch {
  readonly kind: 'keys'
  readonly fields: readonly string[]
  readonly isList: boolean
  /** Many rows have each of these values. */
  readonly isCommon?: boolean
  readonly keys: readonly InterestKey[]
}

/** A value, or several together, as what they are looked up by. Numbers stay numbers: they hash faster and take no memory of their own. */
export type InterestKey = string | number

/** Rows whose field lies between two values, both included; `null` is no bound. */
interface RangeBranch {
  readonly kind: 'range'
  readonly field: string
  readonly low: number | null
  readonly high: number | null
}

export const EVERY_ROW: Interest = { branches: [] }

/** One branch without keys finds nothing. */
export function noRow(model: Model): readonly InterestBranch[] {
  return [{ kind: 'keys', fields: model.idFields, isList: false, keys: [] }]
}

/** Stands for NULL among keys: no value is written so. */
export const NULL_KEY = '\0null'

/** One value as a key; equal values (as Postgres sees them) have equal keys. */
export function keyOfScalar(field: Field, value: StoredScalar): InterestKey {
  if (value === null) return NULL_KEY
  if (typeof value === 'string') return field.columnType === 'bpchar' ? (withoutBlanks(value) ?? '') : value
  if (typeof value === 'number' || typeof value === 'bigint') return keyOfNumber(field, value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  // Beside whole numbers it is a text that `auth()` holds. The two zeros of numeric are one value.
  if (value instanceof Decimal) return field.type === 'Int' ? value.toNumber() : value.isZero() ? '0' : value.toString()
  return typeof value === 'object' ? value.text : String(value)
}

/** The column's type decides: a big integer may be asked for by a number, and the reverse. Maps take NaN for itself, and both zeros for one. */
function keyOfNumber(field: Field, value: number | bigint): InterestKey {
  if (field.type !== 'Int' && field.type !== 'Float') return String(value)
  return field.columnType === 'float4' ? Math.fround(Number(value)) : Number(value)
}

/** The key of a set of keys, as {@link keyOfScalar} gives it for the same value of this field. */
export function keyOfText(field: Field, text: string): InterestKey {
  return field.type === 'Int' ? Number(text) : text
}

/** The keys under which a row is looked up in these fields; `undefined` when a value is not known. */
export function keysOfRow(fields: readonly Field[], isList: boolean, row: StoredRow): readonly InterestKey[] | undefined {
  const [first] = fields
  if (fields.length === 1 && first !== undefined) {
    const value = row[first.name]
    if (value === undefined) return undefined
    if (!isList) return [keyOfScalar(first, value as StoredScalar)]
    return value === null ? [] : [...new Set((value as readonly StoredScalar[]).map((item) => keyOfScalar(first, item)))]
  }
  const values = fields.map((field) => row[field.name])
  if (values.includes(undefined)) return undefined
  return values.includes(null) ? [] : [JSON.stringify(values.map(String))]
}

/**
 * A value's place on the line of doubles, by which ranges are looked up: order is kept, though neighbours may fall together.
 * That only finds a row too many.
 */
export function placeOf(field: Field, value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isNaN(value) ? Infinity : field.columnType === 'float4' ? Math.fround(value) : value
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Decimal) return value.isNaN() ? Infinity : value.toNumber()
  const time = value as StoredTime
  return time === 'infinity' ? Infinity : time === '-infinity' ? -Infinity : undefined
}
