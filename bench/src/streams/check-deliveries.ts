import { compareEntryIds, type EntryId } from '@zenstack-live/protocol'
import type { FuzzLine } from './fuzz-job.ts'

export interface Expected {
  position: EntryId
  key: string
  rank: number
  isPublic: boolean
  /** How often the log had been emptied when it was written. */
  life: number
}

export interface Deliveries {
  /** Events that an id asked for, was never given, and was not told to miss. */
  lost: number
  outOfOrder: number
  /** Deliveries beyond the first of each event and id, where nothing but an interruption repeats one. */
  repeats: number
  /** Events that reached an id whose filter does not match them. */
  foreign: number
  /** Handlers that began while another one of their row ran in the same process. */
  overlaps: number
  /** Events that an id missed because the log was emptied, as it was told. */
  missed: number
}

const WANTS: Readonly<Record<string, (event: Expected, nowAfter: EntryId) => boolean>> = {
  shared: () => true,
  parts: () => true,
  split: () => true,
  dropped: () => true,
  poison: () => true,
  loop: () => true,
  now: ({ position }, nowAfter) => compareEntryIds(position, nowAfter) > 0,
  public: ({ isPublic }) => isPublic,
  private: ({ isPublic }) => !isPublic,
}

/** Ids that are begun anew, or split otherwise, repeat much; what died is handled after what followed it. */
const [REPEATING, UNORDERED] = [new Set(['split', 'dropped', 'poison']), new Set(['poison'])]

export const FUZZED_IDS: readonly string[] = Object.keys(WANTS)

/**
 * Compares what was handled with what was written. Ranks of a key rise by one with each of its events.
 *
 * @param nowAfter - where the id was begun that begins now
 * @param life - how often the log was emptied: what was written before may be missed by who is told
 */
export function checkDeliveries(expected: readonly Expected[], lines: readonly FuzzLine[], nowAfter: EntryId, life: number): Deliveries {
  const result: Deliveries = { lost: 0, outOfOrder: 0, repeats: 0, foreign: 0, overlaps: 0, missed: 0 }
  result.overlaps = lines.filter(([, , what]) => what === 'overlap').length
  const handled = Map.groupBy(
    lines.filter(([, , what]) => what === 'handled').toSorted(([a], [b]) => Number(BigInt(a) - BigInt(b))),
    ([, id]) => id,
  )
  const gaps = Map.groupBy(
    lines.filter(([, , what]) => what === 'gap'),
    ([, id]) => id,
  )
  for (const [id, wants] of Object.entries(WANTS)) {
    // Entry ids, as the worker was told them.
    const gapsAfter = (gaps.get(id) ?? []).map(([, , , after]) => after as EntryId)
    // Dead letters are gone with the log, wherever it had come to.
    const isMissedAfter = (after: EntryId, { position }: Expected): boolean => UNORDERED.has(id) || compareEntryIds(after, position) < 0
    const isTold = (event: Expected): boolean => event.life < life && gapsAfter.some((after) => isMissedAfter(after, event))
    const wanted = Map.groupBy(
      expected.filter((event) => wants(event, nowAfter)),
      ({ key }) => key,
    )
    const ofId = Map.groupBy(handled.get(id) ?? [], ([, , , key]) => key)
    for (const key of new Set([...wanted.keys(), ...ofId.keys()])) {
      const ranks = (ofId.get(key) ?? []).map((line) => Number(line[4]))
      checkKey(id, wanted.get(key) ?? [], ranks, isTold, result)
    }
  }
  return result
}

/** An event may come again, but none may come for the first time before all earlier ones of its key did. */
function checkKey(
  id: string,
  wanted: readonly Expected[],
  handled: readonly number[],
  isTold: (event: Expected) => boolean,
  result: Deliveries,
): void {
  const seen = new Set(handled)
  const unseen = wanted.filter(({ rank }) => !seen.has(rank))
  const missed = unseen.filter(isTold)
  result.missed += missed.length
  result.lost += unseen.length - missed.length
  const ranks = new Set(wanted.map(({ rank }) => rank))
  const order = wanted.filter((event) => !missed.includes(event)).map(({ rank }) => rank)
  const before = new Set<number>()
  for (const rank of handled) {
    if (before.has(rank)) {
      if (!REPEATING.has(id)) result.repeats++
    } else if (!ranks.has(rank)) result.foreign++
    else if (rank !== order[before.size] && !UNORDERED.has(id)) result.outOfOrder++
    before.add(rank)
  }
}
