import type { Random } from './random.ts'

/** Picks one of those that were met least so far, so that a short run meets everything too. */
export function pickLeast<T>(random: Random, choices: readonly T[], countOf: (choice: T) => number): T {
  const counts = choices.map(countOf)
  const least = Math.min(...counts)
  return random.pick(choices.filter((_, index) => counts[index] === least))
}
