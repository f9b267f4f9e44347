import type { Random } from './random.ts'

/** Picks one of those that were picked least so far, so that a short run meets everything too. */
export type FairPick = <T>(choices: readonly T[], nameOf: (choice: T) => string) => T

export function createFairPick(random: Random): FairPick {
  const counts = new Map<string, number>()
  return (choices, nameOf) => {
    const fewest = Math.min(...choices.map((choice) => counts.get(nameOf(choice)) ?? 0))
    const chosen = random.pick(choices.filter((choice) => (counts.get(nameOf(choice)) ?? 0) === fewest))
    counts.set(nameOf(chosen), fewest + 1)
    return chosen
  }
}
