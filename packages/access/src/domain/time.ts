import type { Field, StoredTime } from '@zenstack-live/model'
import type { Domain } from './domain.ts'

const DAY_MS = 86_400_000
/** ISO text of years outside 1..9999 is not what Postgres reads. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z')
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z')

const RANK = { '-infinity': -1, infinity: 1 } as const

/** Microseconds as Postgres orders them, the infinities outside. */
export function compareTimes(a: StoredTime, b: StoredTime): number {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0
  return (typeof a === 'bigint' ? 0 : RANK[a]) - (typeof b === 'bigint' ? 0 : RANK[b])
}

/** The domain of a DateTime column; `undefined` for times of day, whose filters fail in Postgres. */
export function timeDomain(field: Field): Domain<StoredTime> | undefined {
  switch (field.columnType) {
    case 'timestamp':
    case 'timestamptz':
      return { ...TIMES, ofInput: (input) => microsecondsOf(input) }
    case 'date':
      // The parameter's text is cast to a date: the time of day is dropped.
      return { ...TIMES, ofInput: (input) => midnight(microsecondsOf(input)) }
    default:
      return undefined
  }
}

const TIMES = {
  ofStored: (stored: unknown) => stored as StoredTime,
  equals: (a: StoredTime, b: StoredTime) => a === b,
  compare: compareTimes,
}

/** A Date, or text that one is made of, as microseconds. */
function microsecondsOf(input: unknown): bigint | undefined {
  const ms = input instanceof Date ? input.getTime() : typeof input === 'string' ? new Date(input).getTime() : NaN
  return ms >= FIRST_MS && ms <= LAST_MS ? BigInt(ms) * 1000n : undefined
}

function midnight(microseconds: bigint | undefined): bigint | undefined {
  if (microseconds === undefined) return undefined
  const ms = Number(microseconds / 1000n)
  return BigInt(Math.floor(ms / DAY_MS) * DAY_MS) * 1000n
}
