/** What `now()` means, in microseconds. @param now - milliseconds since 1970 */
export function nowOf(now: number): bigint {
  return BigInt(Math.round(now * 1000))
}

/**
 * The first of these times, in microseconds, that is still to be passed: both reaching a moment and leaving it behind can turn a comparison.
 *
 * @param now - milliseconds since 1970
 */
export function soonest(times: readonly (bigint | undefined)[], now: number): bigint | undefined {
  let next: bigint | undefined
  for (const time of times) if (time !== undefined && time >= nowOf(now) && (next === undefined || time < next)) next = time
  return next
}
