import { Decimal } from 'decimal.js'
import type { Field } from './data-model.ts'
import { StoredJson } from './stored-json.ts'
import type { StoredScalar, StoredTime, StoredValue } from './stored-row.ts'

/** What Debezium writes for a large value that an update did not touch, by the shape of the column. */
const UNAVAILABLE = '__debezium_unavailable_value'
const UNAVAILABLE_TEXTS: ReadonlySet<unknown> = new Set([UNAVAILABLE, btoa(UNAVAILABLE), 'b68a35a7-17ad-35b3-af2a-ae46edb4545a'])
const UNAVAILABLE_BYTES = Array.from(Buffer.from(UNAVAILABLE)).join()

const NUMERIC_WORDS: Record<string, string> = {
  NAN: 'NaN',
  NaN: 'NaN',
  POSITIVE_INFINITY: 'Infinity',
  Infinity: 'Infinity',
  NEGATIVE_INFINITY: '-Infinity',
  '-Infinity': '-Infinity',
}
const NUMERIC = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/

const DAY_US = 86_400_000_000n
/** Debezium writes both infinities of `date` as days that no calendar reaches. */
const LAST_DAY = 1_000_000_000n
const POSITIVE_INFINITY_DAYS: ReadonlySet<bigint> = new Set([-2_147_472_692n, 2_147_483_647n])
/** Debezium's infinities of `timestamp`, in milliseconds; in microseconds they end in three zeros. */
const [INFINITY_MS, MINUS_INFINITY_MS] = [9_223_372_036_825_200n, -9_223_372_036_832_400n]

/**
 * The typed value; `undefined` when the event does not say what the value is.
 *
 * @param keys - names of fields that are always there: what looks like a placeholder is somebody's key
 */
export function decodeValue(field: Field, raw: unknown, keys: readonly string[] = []): StoredValue | undefined {
  if (raw === null) return null
  if (!field.isList || field.typeDef !== undefined) return isUnavailable(raw) && !keys.includes(field.name) ? undefined : decodeScalar(field, raw)
  if (!Array.isArray(raw) || isUnavailableList(raw)) return undefined
  const items: StoredScalar[] = []
  for (const item of raw as unknown[]) {
    const value = item === null ? null : decodeScalar(field, item)
    if (value === undefined) return undefined
    items.push(value)
  }
  return items
}

function isUnavailable(raw: unknown): boolean {
  return typeof raw === 'string' && UNAVAILABLE_TEXTS.has(raw)
}

function isUnavailableList(raw: readonly unknown[]): boolean {
  return (raw.length === 1 && isUnavailable(raw[0])) || (raw.length === UNAVAILABLE.length && raw.join() === UNAVAILABLE_BYTES)
}

function decodeScalar(field: Field, raw: unknown): StoredScalar | undefined {
  switch (field.type) {
    case 'String':
      return typeof raw === 'string' && field.columnType !== 'bit' && field.columnType !== 'varbit' ? raw : undefined
    case 'Enum':
      return typeof raw === 'string' ? raw : undefined
    case 'Boolean':
      return typeof raw === 'boolean' ? raw : undefined
    case 'Int':
      return Number.isSafeInteger(raw) ? (raw as number) : undefined
    case 'BigInt':
      return wholeNumber(raw)
    case 'Float':
      return decodeFloat(raw)
    case 'Decimal':
      return decodeDecimal(raw)
    case 'DateTime':
      return decodeTime(field, raw)
    case 'Bytes':
      return typeof raw === 'string' ? Uint8Array.from(Buffer.from(raw, 'base64')) : undefined
    default:
      return typeof raw === 'string' ? new StoredJson(raw) : undefined
  }
}

/** A number that `JSON.parse` may have rounded is not a fact. */
function wholeNumber(raw: unknown): bigint | undefined {
  return typeof raw === 'bigint' ? raw : Number.isSafeInteger(raw) ? BigInt(raw as number) : undefined
}

function decodeFloat(raw: unknown): number | undefined {
  if (typeof raw === 'number' || typeof raw === 'bigint') return Number(raw)
  return typeof raw === 'string' && (raw === 'NaN' || raw === 'Infinity' || raw === '-Infinity') ? Number(raw) : undefined
}

function decodeDecimal(raw: unknown): Decimal | undefined {
  if (typeof raw !== 'string') return undefined
  const word = NUMERIC_WORDS[raw]
  if (word !== undefined) return new Decimal(word)
  return NUMERIC.test(raw) ? new Decimal(raw) : undefined
}

function decodeTime(field: Field, raw: unknown): StoredTime | undefined {
  switch (field.columnType) {
    case 'date':
      return decodeDate(raw)
    case 'timestamp':
    case 'time':
      return decodeEpoch(raw, field.typmod)
    case 'timestamptz':
      return raw === 'infinity' || raw === '-infinity' ? raw : parseInstant(raw)
    default:
      return undefined
  }
}

function decodeDate(raw: unknown): StoredTime | undefined {
  const days = wholeNumber(raw)
  if (days === undefined) return undefined
  if (days > -LAST_DAY && days < LAST_DAY) return days * DAY_US
  return POSITIVE_INFINITY_DAYS.has(days) ? 'infinity' : '-infinity'
}

/** Debezium's adaptive precision: milliseconds for at most three digits of fraction, else microseconds. */
function decodeEpoch(raw: unknown, typmod: number): StoredTime | undefined {
  const isMilliseconds = typmod >= 0 && typmod <= 3
  const count = wholeNumber(raw)
  if (count === undefined) return undefined
  const scale = isMilliseconds ? 1n : 1000n
  if (count === INFINITY_MS * scale) return 'infinity'
  if (count === MINUS_INFINITY_MS * scale) return '-infinity'
  return isMilliseconds ? count * 1000n : count
}

const INSTANT = /^([+-]?\d{4,6})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|\+00:00)$/

function parseInstant(raw: unknown): bigint | undefined {
  const parts = typeof raw === 'string' ? INSTANT.exec(raw) : null
  if (parts === null) return undefined
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number)
  const seconds = BigInt(daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
  return seconds * 1_000_000n + BigInt((parts[7] ?? '').padEnd(6, '0'))
}

/**
 * `Date` ends in the year 275760; Postgres goes on for some twenty thousand years.
 *
 * @see https://howardhinnant.github.io/date_algorithms.html#days_from_civil
 */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}
