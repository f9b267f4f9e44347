import type { EntryId } from '@zenstack-live/protocol'
import type { Continuity } from './change-log.ts'
import { ChangeLogError } from './errors.ts'

/** What a reader is told that cannot go on from its place. */
export function continuityError(continuity: Exclude<Continuity, 'ok'>, after: EntryId, oldest: EntryId | undefined): ChangeLogError {
  return continuity === 'gap'
    ? new ChangeLogError(
        'log_gap',
        `Entry ${after} is older than the log keeps (oldest is ${oldest ?? 'none'}). Begin again with a snapshot, or raise the retention.`,
      )
    : new ChangeLogError(
        'log_lost_tail',
        `Entry ${after} is not in the log: it belongs to a tail that was lost, or to another log. Begin again with a snapshot.`,
      )
}

/** What a writer is told when the entry that it goes on from is not there. */
export function lostTailError(newest: EntryId | undefined, previous: EntryId | undefined): ChangeLogError {
  return new ChangeLogError(
    'log_lost_tail',
    `The log's newest entry is ${newest ?? 'none'}, but ${previous ?? ''} had been kept. Append again from there.`,
  )
}

/** What a writer is told whose entry meets another one in its place. */
export function conflictError(id: EntryId, header: string, present: string | undefined): ChangeLogError {
  const there = present === undefined ? 'is behind the newest entry, but was never kept' : `is taken by "${present}"`
  return new ChangeLogError(
    'log_conflict',
    `Entry ${id} ("${header}") ${there}: the log holds another history. Does another capture or another database write to it? Give each its own log name.`,
  )
}
