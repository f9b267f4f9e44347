import { formatLsn, type Lsn } from '@zenstack-live/protocol'
import type { CaptureMemory } from './memory.ts'

/** What the server says before a capture begins to stream. */
export interface ServerState {
  systemId: string
  timeline: number
  /** End of the WAL that is on disk. */
  walLsn: Lsn
  /** Where the slot stands: everything before it was confirmed and will not be sent again. */
  confirmedLsn: Lsn
  /** The slot was made by this start: what happened before is not in it. */
  isSlotNew: boolean
}

/** What the log says. */
export interface LogStanding {
  epoch: number
  lsn: Lsn | undefined
  memory: CaptureMemory | undefined
  /** It refused what the slot holds, again and again. */
  isForeign?: boolean
}

/** Go on in the log's epoch, or begin a new one with an entry that says why. */
export type StartPlan = { epoch: number; newEpochReason: undefined } | { epoch: number; newEpochReason: string }

/**
 * Decides whether the log can be continued from the slot. A new epoch is what makes ids rise when LSNs do not,
 * and what tells readers that something may be missing.
 */
export function planStart(log: LogStanding, server: ServerState): StartPlan {
  const reason = brokenBecause(log, server)
  return reason === undefined ? { epoch: log.epoch, newEpochReason: undefined } : { epoch: log.epoch + 1, newEpochReason: reason }
}

function brokenBecause({ epoch, lsn, memory, isForeign }: LogStanding, server: ServerState): string | undefined {
  if (lsn === undefined) return 'the log is new'
  if (epoch === 0) return 'the log was written by another capture'
  if (memory !== undefined && memory.systemId !== server.systemId)
    return `the database is another one (system ${memory.systemId}, now ${server.systemId})`
  if (memory !== undefined && memory.timeline !== server.timeline)
    return `the database went over to timeline ${server.timeline} (from ${memory.timeline})`
  if (server.isSlotNew) return 'the replication slot was lost'
  if (isForeign === true) return 'the log holds another history than the replication slot'
  if (server.confirmedLsn > lsn) return `the log ends at ${formatLsn(lsn)}, but all up to ${formatLsn(server.confirmedLsn)} was confirmed`
  if (server.walLsn < lsn) return `the database went back to ${formatLsn(server.walLsn)}, the log is at ${formatLsn(lsn)}`
  return undefined
}
