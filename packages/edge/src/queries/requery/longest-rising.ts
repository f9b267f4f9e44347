/**
 * The longest run of numbers that rise, with others between them left out.
 *
 * @param numbers - no two are equal
 * @returns their indexes, rising. Of several that are as long, any
 * @see https://en.wikipedia.org/wiki/Patience_sorting
 */
export function longestRising(numbers: readonly number[]): number[] {
  /** By length less one: where the run of that length ends that ends lowest. */
  const ends: number[] = []
  const previous: number[] = []
  for (const [index, number] of numbers.entries()) {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((numbers[ends[middle] ?? 0] ?? 0) < number) low = middle + 1
      else high = middle
    }
    previous[index] = ends[low - 1] ?? -1
    ends[low] = index
  }
  const run: number[] = []
  for (let index = ends.at(-1) ?? -1; index >= 0; index = previous[index] ?? -1) run.push(index)
  return run.toReversed()
}
