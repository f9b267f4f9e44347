import type { Lsn } from '@zenstack-live/protocol'
import type { CaptureMemory, Numbering } from './memory.ts'
import type { SinkState } from './sink.ts'

/** What a start finds in the log. */
export interface FoundLog {
  memory: CaptureMemory | undefined
  whole: SinkState['whole']
  isNewEpoch: boolean
}

/**
 * Decides how a capture goes on where the log may be numbered otherwise, because other tables were captured. An id holds the index of a row
 * among those captured, so what Postgres repeats from that time would be refused; the log has it already, and it is passed over.
 *
 * Only such a part is: elsewhere a repeat shows that the log holds this history and no other. Rows of tables that are new are passed over
 * with it. The mark for those tables tells of them, which needs what was remembered of the old ones.
 *
 * @returns what to remember before anything is written: the transactions that end at or before `sinceLsn` are those to pass over
 */
export function planNumbering({ memory, whole, isNewEpoch }: FoundLog, selection: string): Numbering {
  if (isNewEpoch || whole === undefined || memory?.shapes === undefined) return { selection, sinceLsn: '0' }
  const before = memory.numbering
  // Never more than the log holds now: what it lost is not passed over, but numbered by this capture.
  const isOurs = before?.selection === selection && BigInt(before.sinceLsn) < whole.lsn
  return { selection, sinceLsn: isOurs ? before.sinceLsn : whole.lsn.toString() }
}

/** Up to where the log is numbered otherwise. */
export function otherwiseNumbered({ sinceLsn }: Numbering): Lsn {
  // Written by `planNumbering`.
  return BigInt(sinceLsn) as Lsn
}
