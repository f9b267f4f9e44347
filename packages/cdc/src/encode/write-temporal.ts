import { readText, type WriteValue } from './codec.ts'
import { jsonBytes } from './json-writer.ts'
import { daysFromCivil, encodeTimestamp, encodeTimestamptz } from './temporal.ts'

/*
 * The two types that nearly every table has, from bytes to bytes. Only for what nearly every value looks like,
 *
 *     2016-11-04 11:51:30          2016-11-04 11:51:30.123456+00
 *
 * four digits of a year after Christ; anything else goes the way through text.
 */

/** @param typmod - fractional digits of the column, -1 where it names none */
export function writeTimestamp(typmod: number): WriteValue {
  const isMillis = typmod >= 0 && typmod <= 3
  return (out, source, start, end) => {
    const { bytes } = source
    if (!isPlain(bytes, start, end)) return out.text(encodeTimestamp(readText(source, start, end), typmod))
    const days = daysFromCivil(digits(bytes, start, 4), digits(bytes, start + 5, 2), digits(bytes, start + 8, 2))
    const seconds = digits(bytes, start + 11, 2) * 3600 + digits(bytes, start + 14, 2) * 60 + digits(bytes, start + 17, 2)
    const micros = seconds * 1_000_000 + fractionMicros(bytes, start + 20, end)
    const value = isMillis ? days * 86_400_000 + Math.floor(micros / 1000) : days * 86_400_000_000 + micros
    if (Number.isSafeInteger(value)) out.number(value)
    else out.text(encodeTimestamp(readText(source, start, end), typmod))
  }
}

/** @param typmod - fractional digits of the column, -1 where it names none */
export function writeTimestamptz(typmod: number): WriteValue {
  const precision = typmod < 0 ? 6 : typmod
  return (out, source, start, end) => {
    const { bytes } = source
    const zone = end - UTC_BYTES
    if (bytes[zone] !== PLUS || !isPlain(bytes, start, zone)) return out.text(encodeTimestamptz(readText(source, start, end), typmod))
    out.literal(OPEN)
    out.copy(bytes, start, start + DATE_BYTES)
    out.literal(BETWEEN)
    out.copy(bytes, start + DATE_BYTES + 1, start + SECOND_BYTES)
    if (precision > 0) {
      const given = Math.min(Math.max(zone - start - SECOND_BYTES - 1, 0), precision)
      out.literal(POINT)
      out.copy(bytes, start + SECOND_BYTES + 1, start + SECOND_BYTES + 1 + given)
      out.copy(ZEROS, 0, precision - given)
    }
    out.literal(CLOSE)
  }
}

const [OPEN, BETWEEN, POINT, CLOSE, ZEROS] = ['"', 'T', '.', 'Z"', '000000'].map(jsonBytes) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
]
const [SPACE, PLUS, ZERO, NINE] = [32, 43, 48, 57]
/** `2016-11-04`, and with ` 11:51:30`. */
const [DATE_BYTES, SECOND_BYTES] = [10, 19]
/** `+00`: the session's time zone. */
const UTC_BYTES = 3

/** Infinity is shorter, a later year has its time further on, and BC stands at the end. */
function isPlain(bytes: Uint8Array, start: number, end: number): boolean {
  const last = bytes[end - 1] ?? 0
  return end - start >= SECOND_BYTES && bytes[start + DATE_BYTES] === SPACE && last >= ZERO && last <= NINE
}

function digits(bytes: Uint8Array, start: number, count: number): number {
  let value = 0
  for (let at = start; at < start + count; at++) value = value * 10 + (bytes[at] ?? ZERO) - ZERO
  return value
}

function fractionMicros(bytes: Uint8Array, start: number, end: number): number {
  let [micros, scale] = [0, 100_000]
  for (let at = start; at < end; at++, scale /= 10) micros += ((bytes[at] ?? ZERO) - ZERO) * scale
  return micros
}
