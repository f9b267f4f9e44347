import { compareEntryIds, epochOfEntryId, FIRST_ENTRY_ID, type EntryId } from '@zenstack-live/protocol'
import type { Continuity } from './change-log.ts'

export interface ContinuityFacts {
  after: EntryId
  /** Whether the log holds an entry of exactly this id. */
  isPresent: boolean
  newest: EntryId | undefined
  /** The last entry that retention removed. */
  trimmed: EntryId | undefined
  oldest: EntryId | undefined
  /** Whether the log counts its entries itself, so that `trimmed` is all that ever left it. */
  isTrimmedExact: boolean
}

/**
 * Whether a reader that has seen everything up to `after` misses nothing.
 *
 * An id that lies inside the log but is no entry of it may be a progress mark that a healed log did not repeat, or a place made
 * from a date or an LSN: with ids of our capture nothing stands between it and the next entry, for a broken history raises the
 * epoch. Ids made by a clock (Debezium) prove nothing.
 */
export function checkContinuity({ after, isPresent, newest, oldest, trimmed, isTrimmedExact }: ContinuityFacts): Continuity {
  if (isPresent) return 'ok'
  if (trimmed !== undefined && compareEntryIds(after, trimmed) < 0) return 'gap'
  if (after === FIRST_ENTRY_ID) return 'ok'
  if (newest === undefined || compareEntryIds(after, newest) > 0) return 'foreign'
  if (trimmed === after) return 'ok'
  if (oldest !== undefined && compareEntryIds(after, oldest) < 0) return isTrimmedExact ? 'ok' : 'gap'
  return epochOfEntryId(after) > 0 ? 'ok' : 'foreign'
}
