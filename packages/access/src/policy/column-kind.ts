import { Decimal } from 'decimal.js'
import type { Collation, DataModel, Field, StoredScalar, StoredTime } from '@zenstack-live/model'
import { compareCodePoints } from '../domain/code-point-order.ts'
import { isOrderedByCodePoint } from '../domain/lower-case.ts'
import { compareDecimals, compareFloats, numericInput } from '../domain/number.ts'
import { withoutBlanks } from '../domain/text.ts'
import { compareTimes } from '../domain/time.ts'
import { leaveToDatabase } from './policy-scope.ts'
import type { Sent } from './sent-value.ts'

/** One side of a comparison as a type of Postgres, after the casts that ZenStack writes. */
export interface ColumnKind {
  /** Sides of one family can be compared with each other. */
  readonly family: 'text' | 'bpchar' | 'uuid' | 'number' | 'boolean' | 'time' | 'enum' | 'bytes'
  /** For `number`: how it takes part; `float` wins over the others. For `text`: which collation. For `enum`: which type. */
  readonly detail: string
  readonly isOrdered: boolean
  ofStored(stored: StoredScalar): unknown
  /** What a parameter or literal becomes beside this column. */
  ofSent(sent: Exclude<Sent, null | readonly Sent[]>): unknown
  compare(a: unknown, b: unknown): number
}

const UTC: ReadonlySet<string> = new Set(['UTC', 'Etc/UTC', 'GMT', 'Etc/GMT', 'Zulu', 'Etc/Zulu', 'Universal', 'Etc/Universal', 'Etc/UCT', 'UCT'])

export function isUtc(data: DataModel): boolean {
  return UTC.has(data.catalog.timeZone)
}

/**
 * @param isCast - ZenStack casts columns of native types (`@db.…`) to the plain type of their field when the other side is of another type
 * @returns `undefined` where Postgres has rules that are not known here
 */
export function columnKind(data: DataModel, field: Field, isCast: boolean): ColumnKind | undefined {
  if (field.isList) return undefined
  const cast = isCast && field.nativeType !== undefined
  switch (field.columnType) {
    case 'text':
    case 'varchar':
      return textKind(field.collation, false)
    case 'bpchar':
      return cast ? textKind(field.collation, true) : blankPaddedKind(field.collation)
    case 'uuid':
      return cast ? textKind(data.catalog.collations['default'], false) : UUID_KIND
    case 'int2':
    case 'int4':
      return numberKind(cast ? 'int4' : field.columnType)
    case 'int8':
    case 'numeric':
      return numberKind(field.columnType)
    case 'float8':
      return DOUBLE_KIND
    case 'float4':
      return numberKind(cast ? 'float8' : 'float4', true)
    case 'bool':
      return BOOLEAN_KIND
    case 'timestamp':
      return timeKind('timestamp')
    case 'timestamptz':
      // Cast to `timestamp`, or compared with one, the instant becomes the session's local time.
      return isUtc(data) ? timeKind(cast ? 'timestamp' : 'timestamptz') : undefined
    case 'date':
      return timeKind(cast ? 'timestamp' : 'date')
    case 'bytea':
      return BYTES_KIND
    default:
      return field.type === 'Enum' ? enumKind(field) : undefined
  }
}

/** Two values, neither of which is a column: parameters compare as text. */
export function textKind(collation: Collation | undefined, losesBlanks: boolean): ColumnKind | undefined {
  if (collation?.isDeterministic !== true) return undefined
  return {
    family: 'text',
    detail: `${collation.provider} ${collation.locale}`,
    isOrdered: isOrderedByCodePoint(collation),
    ofStored: losesBlanks ? (stored) => withoutBlanks(stored as string) : (stored) => stored,
    ofSent: (sent) => (typeof sent === 'string' ? sent : leaveToDatabase()),
    compare: (a, b) => compareCodePoints(a as string, b as string),
  }
}

function blankPaddedKind(collation: Collation | undefined): ColumnKind | undefined {
  const plain = textKind(collation, true)
  return plain === undefined
    ? undefined
    : { ...plain, family: 'bpchar', ofSent: (sent) => (typeof sent === 'string' ? withoutBlanks(sent) : leaveToDatabase()) }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const UUID_KIND: ColumnKind = {
  family: 'uuid',
  detail: '',
  isOrdered: true,
  ofStored: (stored) => stored,
  ofSent: (sent) => (typeof sent === 'string' && UUID.test(sent) ? sent.toLowerCase() : leaveToDatabase()),
  compare: (a, b) => compareCodePoints(a as string, b as string),
}

const BOOLEAN_KIND: ColumnKind = {
  family: 'boolean',
  detail: '',
  isOrdered: true,
  ofStored: (stored) => stored,
  ofSent: (sent) => (typeof sent === 'boolean' ? sent : leaveToDatabase()),
  compare: (a, b) => Number(a) - Number(b),
}

const BYTES_KIND: ColumnKind = {
  family: 'bytes',
  detail: '',
  isOrdered: true,
  ofStored: (stored) => stored,
  ofSent: () => leaveToDatabase(),
  compare: (a, b) => Buffer.compare(a as Uint8Array, b as Uint8Array),
}

export type Numeric = number | bigint | Decimal

function numberKind(detail: string, isSingle = false): ColumnKind {
  const isFloat = detail.startsWith('float')
  return {
    family: 'number',
    detail: isFloat ? 'float' : 'exact',
    isOrdered: true,
    ofStored: isSingle ? (stored) => Math.fround(stored as number) : (stored) => stored,
    ofSent: (sent) => (typeof sent === 'string' ? parameterAs(detail, sent) : typeof sent === 'boolean' ? leaveToDatabase() : sent),
    compare: isFloat ? (a, b) => compareFloats(Number(a), Number(b)) : (a, b) => compareExactly(a as Numeric, b as Numeric),
  }
}

export const DOUBLE_KIND: ColumnKind = numberKind('float8')

/** A text parameter takes the column's type; what does not read as that type fails. */
function parameterAs(detail: string, text: string): Numeric {
  if (detail === 'float4') return leaveToDatabase()
  if (detail.startsWith('int') && !/^-?\d{1,9}$/.test(text)) return leaveToDatabase()
  const number = numericInput(text) ?? leaveToDatabase()
  return detail === 'float8' ? toDouble(number) : number
}

/** Postgres casts no number to a double that is beyond a double's range, be it too big or too close to zero: the statement fails. */
export function toDouble(number: Numeric): number {
  const double = Number(number)
  if (typeof number === 'object' && number.isFinite() && (!Number.isFinite(double) || (double === 0 && !number.isZero()))) return leaveToDatabase()
  return double
}

export function compareExactly(a: Numeric, b: Numeric): number {
  if (typeof a === 'object' || typeof b === 'object') return compareDecimals(toDecimal(a), toDecimal(b))
  // JavaScript compares bigint and number by their mathematical value.
  return a < b ? -1 : a > b ? 1 : 0
}

function toDecimal(value: Numeric): Decimal {
  return typeof value === 'object' ? value : new Decimal(value.toString())
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

function timeKind(detail: 'timestamp' | 'timestamptz' | 'date'): ColumnKind {
  return {
    family: 'time',
    detail,
    isOrdered: true,
    ofStored: (stored) => stored,
    ofSent(sent) {
      if (typeof sent !== 'string' || !ISO.test(sent) || sent.startsWith('0000')) return leaveToDatabase()
      const ms = Date.parse(sent)
      return BigInt(detail === 'date' ? Math.floor(ms / 86_400_000) * 86_400_000 : ms) * 1000n
    },
    compare: (a, b) => compareTimes(a as StoredTime, b as StoredTime),
  }
}

/** On the right of the column, members are sent as their labels. */
function enumKind(field: Field): ColumnKind {
  const labels = field.labels
  const places = new Map(labels?.order.map((label, index) => [label, index]))
  return {
    family: 'enum',
    detail: field.enumName ?? '',
    isOrdered: true,
    ofStored: (stored) => stored,
    ofSent(sent) {
      const label = typeof sent === 'string' ? (labels?.labelOf.get(sent) ?? sent) : ''
      return places.has(label) ? label : leaveToDatabase()
    },
    compare: (a, b) => (a === b ? 0 : (places.get(a as string) ?? 0) - (places.get(b as string) ?? 0)),
  }
}
