export interface Expected {
  key: string
  rank: number
  isPublic: boolean
}

export interface Deliveries {
  lost: number
  outOfOrder: number
  /** Deliveries beyond the first of each event and id. */
  repeats: number
  /** Events that reached an id whose filter does not match them. */
  foreign: number
}

const WANTS: Readonly<Record<string, (event: Expected) => boolean>> = {
  shared: () => true,
  parts: () => true,
  public: ({ isPublic }) => isPublic,
  private: ({ isPublic }) => !isPublic,
}

/**
 * Compares what was handled with what was written. Ranks of a key rise by one with each of its events.
 *
 * @param lines - `time id key rank`, from all processes
 */
export function checkDeliveries(expected: readonly Expected[], lines: readonly string[]): Deliveries {
  const result: Deliveries = { lost: 0, outOfOrder: 0, repeats: 0, foreign: 0 }
  const handled = new Map<string, Map<string, number[]>>()
  const inOrder = lines.map((line) => line.split(' ')).toSorted((a, b) => Number(BigInt(a[0] ?? 0) - BigInt(b[0] ?? 0)))
  for (const [, id = '', key = '', rank = ''] of inOrder) {
    const byKey = handled.get(id) ?? new Map<string, number[]>()
    handled.set(id, byKey)
    const ranks = byKey.get(key) ?? []
    byKey.set(key, ranks)
    ranks.push(Number(rank))
  }
  for (const [id, wants] of Object.entries(WANTS)) {
    const wanted = new Map<string, number[]>()
    for (const event of expected.filter(wants)) wanted.set(event.key, [...(wanted.get(event.key) ?? []), event.rank])
    for (const [key, ranks] of handled.get(id) ?? []) checkKey(wanted.get(key) ?? [], ranks, result)
    for (const [key, ranks] of wanted) if (!handled.get(id)?.has(key)) result.lost += ranks.length
  }
  return result
}

/** An event may come again, but none may come for the first time before all earlier ones of its key did. */
function checkKey(wanted: readonly number[], handled: readonly number[], result: Deliveries): void {
  const seen = new Set<number>()
  let next = 0
  for (const rank of handled) {
    if (seen.has(rank)) {
      result.repeats++
      continue
    }
    if (!wanted.includes(rank)) result.foreign++
    else if (rank !== wanted[next]) result.outOfOrder++
    else next++
    seen.add(rank)
  }
  result.lost += wanted.filter((rank) => !seen.has(rank)).length
}
