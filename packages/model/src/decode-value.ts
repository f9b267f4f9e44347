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
/** Beyond it stand Debezium's infinities: 9223372036825200000 and -9223372036832400000 µs, rounded or not. */
const LAST_MICROSECOND = 9_223_372_036_825_000_000n

/** The typed value; `undefined` when the event does not say what the value is. */
export function decodeValue(field: Field, raw: unknown): StoredValue | undefined {
  if (raw === null) return null
  if (!field.isList || field.typeDef !== undefined) return isUnavailable(raw) ? undefined : decodeScalar(field, raw)
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
  const limit = isMilliseconds ? LAST_MICROSECOND / 1000n : LAST_MICROSECOND
  if (typeof raw === 'number' && Math.abs(raw) >= Number(limit)) return raw > 0 ? 'infinity' : '-infinity'
  const count = wholeNumber(raw)
  if (count === undefined) return undefined
  if (count >= limit) return 'infinity'
  if (count <= -limit) return '-infinity'
  return isMilliseconds ? count * 1000n : count
}

const INSTANT = /^([+-]?\d{4,6})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|\+00:00)$/

function parseInstant(raw: unknown): bigint | undefined {
  const parts = typeof raw === 'string' ? INSTANT.exec(raw) : null
  if (parts === null) return undefined
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number)
  const date = new Date(0)
  // `Date.UTC` takes years below 100 for the 1900s.
  date.setUTCFullYear(year ?? 0, (month ?? 1) - 1, day)
  const seconds = BigInt(date.getTime() / 1000) + BigInt((hour ?? 0) * 3600 + (minute ?? 0) * 60 + (second ?? 0))
  return seconds * 1_000_000n + BigInt((parts[7] ?? '').padEnd(6, '0'))
}
