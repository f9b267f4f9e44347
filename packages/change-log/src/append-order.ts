import { compareEntryIds, type EntryId, type LogBatch, type LogEntry } from '@zenstack-live/protocol'
import { ChangeLogError } from './errors.ts'

/**
 * Keeps holes out of a log: after a failed append, what comes later must not be kept before the failed one was repeated.
 * Only an epoch entry may go ahead, for it says that something is missing, and what names the entry that it follows: the log itself looks
 * whether that is there.
 */
export interface AppendOrder {
  /**
   * @param after - the entry that the log is asked for
   * @throws {ChangeLogError} `log_unavailable` when an earlier append failed and these entries lie behind it
   */
  check(entries: readonly LogEntry[], after?: EntryId): void
  /** The entry of this id was not kept, or was kept and lost. */
  failed(id: EntryId | undefined): void
}

export function createAppendOrder(): AppendOrder {
  let failedAt: EntryId | undefined
  return {
    check(entries, after) {
      const first = entries[0]
      if (first === undefined || failedAt === undefined) return
      if (first.kind !== 'epoch' && after === undefined && compareEntryIds(first.id, failedAt) > 0) {
        throw new ChangeLogError(
          'log_unavailable',
          `Entry ${first.id} cannot be kept: ${failedAt} before it is not there, because its append failed or the log lost it. Repeat that one first.`,
        )
      }
      failedAt = undefined
    },
    failed(id) {
      if (id !== undefined && (failedAt === undefined || compareEntryIds(id, failedAt) < 0)) failedAt = id
    },
  }
}

/** The entries of all batches, in order. @throws {TypeError} when ids do not rise: that is a mistake of the writer */
export function flattenBatches(batches: readonly LogBatch[]): LogEntry[] {
  const entries = batches.flatMap((batch) => batch.entries)
  for (let index = 1; index < entries.length; index++) {
    const [before, after] = [entries[index - 1], entries[index]]
    if (before !== undefined && after !== undefined && compareEntryIds(before.id, after.id) >= 0) {
      throw new TypeError(`Entry ids must rise within an append, but ${after.id} follows ${before.id}.`)
    }
  }
  return entries
}
