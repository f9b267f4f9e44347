import type { LogState } from '@zenstack-live/change-log'
import { compareEntryIds, type EntryId } from '@zenstack-live/protocol'
import type { GapReason, StreamGap } from '../stream-error.ts'

/** Where a reader goes on whose next entries are gone: with the oldest that follows, and not behind its own place. */
export function describeGap({ beginning, newest }: LogState, id: string, reason: GapReason, after: EntryId, message: string): StreamGap {
  const head = newest ?? beginning
  const resumesAfter = compareEntryIds(after, head) > 0 ? head : compareEntryIds(after, beginning) < 0 ? beginning : after
  return { id, reason, after, resumesAfter, message }
}
