import type { Field } from './data-model.ts'
import type { StoredTime } from './stored-row.ts'

/**
 * A DateTime as ZenStack shows it: a Date, its microseconds cut off. The infinities are what `pg` and ZenStack make of them,
 * which differs by type.
 */
export function presentTime(field: Field, time: StoredTime): unknown {
  if (typeof time === 'bigint') return new Date(Number(floorToMilliseconds(time)))
  switch (field.columnType) {
    case 'timestamptz':
      return time === 'infinity' ? Infinity : -Infinity
    case 'date':
      return new Date(NaN)
    default:
      return `${time}Z`
  }
}

/** Milliseconds, towards the past. */
export function floorToMilliseconds(microseconds: bigint): bigint {
  const rest = microseconds % 1000n
  return (microseconds - rest) / 1000n - (rest < 0n ? 1n : 0n)
}
