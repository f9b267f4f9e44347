import type { ChangeLog } from '@zenstack-live/change-log'
import { compareEntryIds, type EntryId } from '@zenstack-live/protocol'
import type { GapReason, StreamGap } from '../stream-error.ts'

/** Where a reader goes on whose next entries are gone: with the oldest that follows, and not behind its own place. */
export async function describeGap(log: ChangeLog, id: string, reason: GapReason, after: EntryId, message: string): Promise<StreamGap> {
  const { beginning, newest } = await log.state()
  const head = newest ?? beginning
  const resumesAfter = compareEntryIds(after, head) > 0 ? head : compareEntryIds(after, beginning) < 0 ? beginning : after
  return { id, reason, after, resumesAfter, message }
}
