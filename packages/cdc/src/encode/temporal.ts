/**
 * Dates and times as Postgres prints them with DateStyle ISO and TimeZone UTC, as Debezium's JSON carries them in its adaptive mode.
 *
 *     date         days since 1970                    timestamptz   "2016-11-04T11:51:30.123456Z", as many digits as the column
 *     timestamp    µs since 1970; ms up to (3)        timetz        "11:51:30.123789Z", fraction only if there is one
 *     time         µs of the day;  ms up to (3)       interval      "P1Y2M3DT4H5M6.78S", all parts
 */

// Sentinels of the Java libraries under Debezium. `date`: LocalDate constants as days; `timestamp`: PGStatement's infinities in ms.
const DATE_INFINITY = '-2147472692'
const DATE_MINUS_INFINITY = '-2147472691'
const TIMESTAMP_INFINITY_MS = '9223372036825200'
const TIMESTAMP_MINUS_INFINITY_MS = '-9223372036832400'

export function encodeDate(text: string): string {
  if (text === 'infinity') return DATE_INFINITY
  if (text === '-infinity') return DATE_MINUS_INFINITY
  return String(daysOf(text, text.indexOf('-', 1)))
}

/** @param typmod - fractional digits of the column, -1 where it names none */
export function encodeTimestamp(text: string, typmod: number): string {
  const isMillis = typmod >= 0 && typmod <= 3
  if (text === 'infinity') return isMillis ? TIMESTAMP_INFINITY_MS : `${TIMESTAMP_INFINITY_MS}000`
  if (text === '-infinity') return isMillis ? TIMESTAMP_MINUS_INFINITY_MS : `${TIMESTAMP_MINUS_INFINITY_MS}000`
  const space = text.indexOf(' ')
  const days = daysOf(text, text.indexOf('-', 1))
  const micros = microsOfDay(text, space + 1)
  if (isMillis) return String(days * 86_400_000 + Math.floor(micros / 1000))
  const total = days * 86_400_000_000 + micros
  return Number.isSafeInteger(total) ? String(total) : String(BigInt(days) * 86_400_000_000n + BigInt(micros))
}

export function encodeTimestamptz(text: string, typmod: number): string {
  if (text === 'infinity' || text === '-infinity') return `"${text}"`
  const space = text.indexOf(' ')
  const isBc = text.endsWith(' BC')
  const zone = text.indexOf('+', space)
  return `"${isoDate(text, space, isBc)}T${padFraction(text.slice(space + 1, zone), typmod < 0 ? 6 : typmod)}Z"`
}

export function encodeTime(text: string, typmod: number): string {
  const micros = microsOfDay(text, 0)
  return String(typmod >= 0 && typmod <= 3 ? Math.floor(micros / 1000) : micros)
}

/** Shifts to UTC; the day that the shift may cross is dropped, as a time has none. */
export function encodeTimetz(text: string): string {
  const zone = Math.max(text.indexOf('+'), text.indexOf('-'))
  const sign = text[zone] === '-' ? -1 : 1
  const [hours = 0, minutes = 0, seconds = 0] = text
    .slice(zone + 1)
    .split(':')
    .map(Number)
  const offset = sign * (hours * 3600 + minutes * 60 + seconds) * 1_000_000
  const day = 86_400_000_000
  const micros = (((microsOfDay(text.slice(0, zone), 0) - offset) % day) + day) % day
  const whole = Math.floor(micros / 1_000_000)
  const clock = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, '0')).join(':')
  const fraction = String(micros % 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '')
  return `"${clock}${fraction === '' ? '' : `.${fraction}`}Z"`
}

const INTERVAL = /^P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?\d+(?:\.\d+)?)S)?)?$/

/** IntervalStyle iso_8601 leaves out what is zero; Debezium writes every part. */
export function encodeInterval(text: string): string {
  const parts = INTERVAL.exec(text)
  if (parts === null) return JSON.stringify(text)
  const [, years = '0', months = '0', , days = '0', hours = '0', minutes = '0', seconds = '0'] = parts
  return `"P${years}Y${months}M${days}DT${hours}H${minutes}M${seconds}S"`
}

/** Days since 1970 of the date that begins the text; proleptic Gregorian, as in Postgres. */
function daysOf(text: string, dash: number): number {
  const year = Number(text.slice(0, dash))
  const month = digits2(text, dash + 1)
  const day = digits2(text, dash + 4)
  return daysFromCivil(text.endsWith(' BC') ? 1 - year : year, month, day)
}

/** @see https://howardhinnant.github.io/date_algorithms.html#days_from_civil */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

function microsOfDay(text: string, start: number): number {
  const seconds = digits2(text, start) * 3600 + digits2(text, start + 3) * 60 + digits2(text, start + 6)
  let micros = 0
  if (text.charCodeAt(start + 8) === 46) {
    let scale = 100_000
    for (let at = start + 9; scale >= 1; at++, scale /= 10) {
      const digit = text.charCodeAt(at) - 48
      if (!(digit >= 0 && digit <= 9)) break
      micros += digit * scale
    }
  }
  return seconds * 1_000_000 + micros
}

function digits2(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48
}

/** ISO 8601 with Java's sign for years beyond four digits. */
function isoDate(text: string, space: number, isBc: boolean): string {
  const dash = text.indexOf('-', 1)
  const rest = text.slice(dash, space)
  if (isBc) {
    const year = Number(text.slice(0, dash)) - 1
    return `${year === 0 ? '0000' : `-${String(year).padStart(4, '0')}`}${rest}`
  }
  return `${dash > 4 ? '+' : ''}${text.slice(0, dash)}${rest}`
}

function padFraction(clock: string, digits: number): string {
  if (digits === 0) return clock.slice(0, 8)
  const fraction = clock.length > 8 ? clock.slice(9) : ''
  return `${clock.slice(0, 8)}.${fraction.padEnd(digits, '0').slice(0, digits)}`
}
