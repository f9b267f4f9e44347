import type { Field } from './data-model.ts'
import type { StoredTime } from './stored-row.ts'

/** Years 100 to 9999: in them every parser on the way agrees. */
const FIRST_PLAIN_US = -59_011_459_200_000_000n
const LAST_PLAIN_US = 253_402_300_800_000_000n

/**
 * A DateTime as ZenStack shows it: a Date, its microseconds cut off. Outside the years 100 to 9999 it shows what `pg` and the
 * JavaScript parser make of Postgres's text, which differs by type.
 */
export function presentTime(field: Field, time: StoredTime): unknown {
  if (typeof time === 'bigint' && time >= FIRST_PLAIN_US && time < LAST_PLAIN_US) return new Date(Number(floorToMilliseconds(time)))
  switch (field.columnType) {
    case 'timestamptz':
      return typeof time === 'bigint' ? new Date(Number(floorToMilliseconds(time))) : time === 'infinity' ? Infinity : -Infinity
    case 'date':
      return new Date(`${textOfDate(time)}T00:00:00Z`)
    default: {
      const text = `${textOfTimestamp(time)}Z`
      const date = new Date(text)
      return Number.isNaN(date.getTime()) ? text : date
    }
  }
}

/** Milliseconds, towards the past. */
function floorToMilliseconds(microseconds: bigint): bigint {
  const rest = microseconds % 1000n
  return (microseconds - rest) / 1000n - (rest < 0n ? 1n : 0n)
}

function textOfDate(time: StoredTime): string {
  if (typeof time !== 'bigint') return time
  const { date, suffix } = calendar(time)
  return date + suffix
}

function textOfTimestamp(time: StoredTime): string {
  if (typeof time !== 'bigint') return time
  const { date, clock, suffix } = calendar(time)
  const fraction = String(((time % 1_000_000n) + 1_000_000n) % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '')
  return `${date} ${clock}${fraction === '' ? '' : `.${fraction}`}${suffix}`
}

/** Postgres counts years before the first as `BC`, without a year 0. Its last years are beyond those of `Date`. */
function calendar(time: bigint): { date: string; clock: string; suffix: string } {
  const milliseconds = floorToMilliseconds(time)
  const cycles = milliseconds / MS_PER_CYCLE
  const at = new Date(Number(milliseconds - cycles * MS_PER_CYCLE))
  const year = at.getUTCFullYear() + Number(cycles) * YEARS_PER_CYCLE
  return {
    date: `${pad(year > 0 ? year : 1 - year, 4)}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`,
    clock: `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())}`,
    suffix: year > 0 ? '' : ' BC',
  }
}

/** The Gregorian calendar repeats itself. */
const YEARS_PER_CYCLE = 400
const MS_PER_CYCLE = 146_097n * 86_400_000n

function pad(value: number, width = 2): string {
  return String(value).padStart(width, '0')
}
