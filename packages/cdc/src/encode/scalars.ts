import { asIs, asPlainString, readText, stringCodec, textCodec, UNAVAILABLE, writeAsIs, writeAsString, type Codec, type WriteValue } from './codec.ts'
import { encodeHstore } from './hstore.ts'
import { jsonBytes } from './json-writer.ts'
import { encodePoint } from './point.ts'
import { encodeDate, encodeInterval, encodeTime, encodeTimestamp, encodeTimestamptz, encodeTimetz } from './temporal.ts'
import { writeTimestamp, writeTimestamptz } from './write-temporal.ts'

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
  numeric: () => textCodec(encodeNumeric, '"0"', writeNumeric),
  money: () => textCodec(encodeMoney, '"0"'),
  text: () => TEXT,
  varchar: () => TEXT,
  bpchar: () => TEXT,
  name: () => TEXT,
  char: () => TEXT,
  citext: () => TEXT,
  ltree: () => TEXT,
  isbn: () => TEXT,
  uuid: () => textCodec(asPlainString, '""', writeAsString),
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
  bytea: () => ({ ...textCodec(encodeBytea, '""'), placeholder: JSON.stringify(Buffer.from(UNAVAILABLE).toString('base64')) }),
  bit: (typmod) => (typmod === 1 ? textCodec((text) => (text === '1' ? 'true' : 'false'), 'false') : textCodec(encodeBits, '""')),
  varbit: (typmod) => (typmod === 1 ? textCodec((text) => (text === '1' ? 'true' : 'false'), 'false') : textCodec(encodeBits, '""')),
  date: () => textCodec(encodeDate, '0'),
  timestamp: (typmod) => textCodec((text) => encodeTimestamp(text, typmod), '0', writeTimestamp(typmod)),
  timestamptz: (typmod) => textCodec((text) => encodeTimestamptz(text, typmod), '"1970-01-01T00:00:00Z"', writeTimestamptz(typmod)),
  time: (typmod) => textCodec((text) => encodeTime(text, typmod), '0'),
  timetz: () => textCodec(encodeTimetz, '"00:00:00Z"'),
  interval: () => textCodec(encodeInterval, '"P0Y0M0DT0H0M0S"'),
  hstore: () => ({ ...textCodec(encodeHstore, '"{}"'), placeholder: JSON.stringify(JSON.stringify({ [UNAVAILABLE]: UNAVAILABLE })) }),
  point: () => textCodec(encodePoint, 'null'),
  vector: () => textCodec(asIs, '[]'),
  halfvec: () => textCodec(asIs, '[]'),
}

const writeBool: WriteValue = (out, { bytes }, start) => out.literal(bytes[start] === LOWER_T ? TRUE : FALSE)
const writeFloat: WriteValue = (out, source, start, end) =>
  endsInDigit(source.bytes, end) ? out.copy(source.bytes, start, end) : out.string(source, start, end)
const writeNumeric: WriteValue = (out, source, start, end) =>
  endsInDigit(source.bytes, end) ? out.string(source, start, end) : out.text(encodeNumeric(readText(source, start, end)))

const [TRUE, FALSE] = [jsonBytes('true'), jsonBytes('false')]
const LOWER_T = 116
const BOOL = textCodec((text) => (text === 't' ? 'true' : 'false'), 'false', writeBool)
const NUMBER = textCodec(asIs, '0', writeAsIs)
const FLOAT = textCodec(encodeFloat, '0.0', writeFloat)
const TEXT = stringCodec()

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
