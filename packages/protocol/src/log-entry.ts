import type { EntryId } from './entry-id.ts'
import type { Lsn } from './lsn.ts'

interface EntryBase {
  id: EntryId
  /** End of the commit record; for marks, how far the log is known to reach. `0n` where the writer does not know it. */
  lsn: Lsn
}

/** One changed row. All entries of a transaction follow each other; the last one says so. */
export interface ChangeEntry extends EntryBase {
  kind: 'change'
  /** The transaction's id in Postgres, unsigned 32 bits. */
  xid: number
  isLastOfTransaction: boolean
  /** Debezium's key, JSON text; `null` for a table without key and for truncates. */
  key: string | null
  /** Debezium's envelope, JSON text. Kept as text: most readers need little of it. */
  value: string
}

/** Nothing of interest happened up to `lsn`. Written on a quiet database, so that readers can tell "quiet" from "behind". */
export interface ProgressEntry extends EntryBase {
  kind: 'progress'
}

/** Continuity ended here (restored database, lost slot, lost tail): what readers hold from before may have gaps. */
export interface EpochEntry extends EntryBase {
  kind: 'epoch'
  epoch: number
  reason: string
}

/**
 * These tables have to be read again, or a gap reported: a transaction was too large for the log (`reason` absent), or what the tables
 * are changed (`schema`: columns, types, replica identity, publication, partitions), which touches rows without a change of their own.
 */
export interface BulkEntry extends EntryBase {
  kind: 'bulk'
  /** The transaction whose rows are left out; 0 where there is none. */
  xid: number
  reason?: 'schema'
  isLastOfTransaction: true
  /** The tables it changed, as `schema.table`. */
  tables: string[]
}

export type LogEntry = ChangeEntry | ProgressEntry | EpochEntry | BulkEntry

/** What the capture hands to the log: one whole commit, or a mark. Ids rise from one to the next. */
export interface LogBatch {
  entries: LogEntry[]
}
