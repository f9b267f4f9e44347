import { TASKS } from './writer.ts'

/** When each write was seen, itself or in a later one of the same task that took its place before it was looked at. */
export function firstSeen(stamps: readonly [number, number][]): ReadonlyMap<number, number> {
  const seen = new Map<number, number>()
  for (const [number, at] of stamps.toReversed()) seen.set(number, at)
  for (let number = Math.max(...seen.keys()); number > 0; number--) {
    const at = Math.min(seen.get(number) ?? Infinity, seen.get(number + TASKS) ?? Infinity)
    if (at !== Infinity) seen.set(number, at)
  }
  return seen
}
