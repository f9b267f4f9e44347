import {
  asciiCodec,
  asIs,
  asPlainString,
  stringCodec,
  textCodec,
  UNAVAILABLE,
  writeAsIs,
  writeAsString,
  type Codec,
  type WriteValue,
} from './codec.ts'
import { encodeHstore } from './hstore.ts'
import { encodePoint } from './point.ts'
import { encodeDate, encodeInterval, encodeTime, encodeTimestamp, encodeTimestamptz, encodeTimetz } from './temporal.ts'

/**
 * Debezium's JSON for each type, with `decimal.handling.mode=string`, `binary.handling.mode=base64`, `interval.handling.mode=string`,
 * `hstore.handling.mode=json` and its adaptive time precision. A type that is not here is not captured, as there.
 *
 * Keys are `pg_type.typname`; the argument is the column's type modifier.
 */
export const SCALARS: Readonly<Record<string, (typmod: number) => Codec>> = {
  bool: () => BOOL,
  int2: () => NUMBER,
  int4: () => NUMBER,
  int8: () => NUMBER,
  oid: () => NUMBER,
  float4: () => FLOAT,
  float8: () => FLOAT,
  numeric: () => asciiCodec(encodeNumeric, '"0"', writeNumeric),
  money: () => asciiCodec(encodeMoney, '"0"'),
  text: () => TEXT,
  varchar: () => TEXT,
  bpchar: () => TEXT,
  name: () => TEXT,
  char: () => TEXT,
  citext: () => TEXT,
  ltree: () => TEXT,
  isbn: () => TEXT,
  uuid: () => asciiCodec(asPlainString, '""', writeAsString),
  json: () => TEXT,
  jsonb: () => TEXT,
  xml: () => TEXT,
  inet: () => TEXT,
  cidr: () => TEXT,
  macaddr: () => TEXT,
  macaddr8: () => TEXT,
  tsvector: () => TEXT,
  int4range: () => TEXT,
  int8range: () => TEXT,
  numrange: () => TEXT,
  tsrange: () => TEXT,
  tstzrange: () => TEXT,
  daterange: () => TEXT,
  bytea: () => ({ ...asciiCodec(encodeBytea, '""'), placeholder: JSON.stringify(Buffer.from(UNAVAILABLE).toString('base64')) }),
  bit: (typmod) => (typmod === 1 ? asciiCodec((text) => (text === '1' ? 'true' : 'false'), 'false') : asciiCodec(encodeBits, '""')),
  varbit: (typmod) => (typmod === 1 ? asciiCodec((text) => (text === '1' ? 'true' : 'false'), 'false') : asciiCodec(encodeBits, '""')),
  date: () => asciiCodec(encodeDate, '0'),
  timestamp: (typmod) => asciiCodec((text) => encodeTimestamp(text, typmod), '0'),
  timestamptz: (typmod) => asciiCodec((text) => encodeTimestamptz(text, typmod), '"1970-01-01T00:00:00Z"'),
  time: (typmod) => asciiCodec((text) => encodeTime(text, typmod), '0'),
  timetz: () => asciiCodec(encodeTimetz, '"00:00:00Z"'),
  interval: () => asciiCodec(encodeInterval, '"P0Y0M0DT0H0M0S"'),
  hstore: () => ({ ...textCodec(encodeHstore, '"{}"'), placeholder: JSON.stringify(JSON.stringify({ [UNAVAILABLE]: UNAVAILABLE })) }),
  point: () => asciiCodec(encodePoint, 'null'),
  vector: () => asciiCodec(asIs, '[]'),
  halfvec: () => asciiCodec(asIs, '[]'),
}

const writeFloat: WriteValue = (out, bytes, start, end) => (endsInDigit(bytes, end) ? out.copy(bytes, start, end) : out.string(bytes, start, end))
const writeNumeric: WriteValue = (out, bytes, start, end) => {
  if (endsInDigit(bytes, end)) out.string(bytes, start, end)
  else out.text(encodeNumeric(Buffer.from(bytes.subarray(start, end)).toString('latin1')))
}

const BOOL = asciiCodec(
  (text) => (text === 't' ? 'true' : 'false'),
  'false',
  (out, bytes, start) => out.text(bytes[start] === LOWER_T ? 'true' : 'false'),
)
const NUMBER = asciiCodec(asIs, '0', writeAsIs)
const FLOAT = asciiCodec(encodeFloat, '0.0', writeFloat)
const TEXT = stringCodec()
const LOWER_T = 116

function endsInDigit(bytes: Uint8Array, end: number): boolean {
  const last = bytes[end - 1] ?? 0
  return last >= 48 && last <= 57
}

function encodeFloat(text: string): string {
  const last = text.charCodeAt(text.length - 1)
  // `NaN`, `Infinity` and `-Infinity` are the ones that do not end in a digit.
  return last >= 48 && last <= 57 ? text : `"${text}"`
}

function encodeNumeric(text: string): string {
  if (text === 'NaN') return '"NAN"'
  if (text === 'Infinity') return '"POSITIVE_INFINITY"'
  if (text === '-Infinity') return '"NEGATIVE_INFINITY"'
  return `"${text}"`
}

/** The session prints money as `-$1,234.11`. */
function encodeMoney(text: string): string {
  const digits = text.replace(/[^0-9.]/g, '')
  return `"${/^[-(]/.test(text) || text.includes('-') ? '-' : ''}${digits}"`
}

function encodeBytea(text: string): string {
  return `"${Buffer.from(text.slice(2), 'hex').toString('base64')}"`
}

/** The first character is the highest bit; Debezium writes the bytes with the lowest first. */
function encodeBits(text: string): string {
  const bytes = Buffer.alloc(Math.ceil(text.length / 8))
  for (let index = 0; index < text.length; index++) {
    const bit = text.length - 1 - index
    if (text.charCodeAt(index) === 49) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7))
  }
  return `"${bytes.toString('base64')}"`
}
