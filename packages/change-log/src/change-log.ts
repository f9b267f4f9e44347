import type { EntryId, LogBatch, LogEntry, Lsn } from '@zenstack-live/protocol'
import type { DurableReaders } from './durable-readers.ts'
import type { LogNotes } from './log-notes.ts'

/**
 * An ordered, bounded, durable memory of changes. Both implementations keep the same promises:
 *
 * - **Order.** Entries have rising ids; a reader sees each once, in that order.
 * - **Whole or repeatable.** What `append` resolved for is kept. A batch may be appended again, whole or in part: what is
 *   there already counts as success only if it is the same transaction, anything else fails with `log_conflict`.
 * - **No hole.** When an append fails, nothing after it is kept before it is repeated.
 * - **No silence.** A reader whose next entries are gone (trimmed, lost, another log) gets an error, never a jump.
 */
export interface ChangeLog {
  /** Made with the log. A log that was lost and made again has another; this handle then fails once and adopts it. */
  readonly identity: string

  /**
   * Keeps whole transactions and marks. Calls are kept in the order they are made; many may wait at once, they travel together.
   *
   * @param batches - the first may name the entry that must still be there: so a writer goes on from what it found, and is refused where the
   *   log lost that since
   * @throws {ChangeLogError} `log_unavailable` (refused or not reached; repeat it), `log_recreated` or `log_lost_tail` (begin
   *   again after `state().newest`), `log_conflict` (another history)
   */
  append(batches: readonly AppendBatch[]): Promise<void>

  /**
   * Entries after an id, oldest first. Large entries come in shorter pages (`readBytes` in limits.ts); only an empty page says that there
   * are no more yet. Does not look for gaps: ask {@link continuity}.
   */
  read(after: EntryId, options?: ReadOptions): Promise<LogEntry[]>

  /**
   * Follows the log from an id, for ever, in pages that are never empty. Survives lost connections. Ends when the signal aborts.
   *
   * @throws {ChangeLogError} `log_gap`, `log_recreated` or `log_lost_tail` when what follows `after` is not all here any more
   */
  tail(after: EntryId, options: TailOptions): AsyncIterable<readonly LogEntry[]>

  state(): Promise<LogState>

  /**
   * Whether everything after this id is still here: `ok`; `gap`: older than the oldest entry kept; `foreign`: never an entry of
   * this log, or of a tail it lost.
   */
  continuity(after: EntryId): Promise<Continuity>

  /** The last id before entries written from this time on; `undefined` when the log does not reach back so far. */
  positionAt(timeMs: number): Promise<EntryId | undefined>

  /** Lets go of old entries. Called at intervals by one process; several do no harm. */
  trim(retention: Retention): Promise<TrimReport>

  /** Cursors and leases of durable readers. */
  readonly readers: DurableReaders

  /** Small named texts kept beside the log: the capture's state, the secret of positions. */
  readonly notes: LogNotes

  close(): Promise<void>
}

export interface AppendBatch extends LogBatch {
  /**
   * This entry, or a later one, must be there, else nothing is kept and the append fails with `log_lost_tail`. Read of the first batch of a
   * call. @defaultValue what this handle kept last
   */
  after?: EntryId | undefined
}

export interface ReadOptions {
  /** @defaultValue 500 entries */
  count?: number
  /** Last id wanted, included. */
  until?: EntryId
}

export interface TailOptions {
  signal: AbortSignal
  /** Largest page. @defaultValue 500 entries */
  count?: number
}

export type Continuity = 'ok' | 'gap' | 'foreign'

export interface LogState {
  /** Of the log that is there now: what {@link ChangeLog.identity} is once a lost log was noticed. */
  identity: string
  /** Of the newest entry; 0 for an empty log and for one that Debezium writes. */
  epoch: number
  /** The place before the oldest entry: read after it to get everything that is here. */
  beginning: EntryId
  oldest: EntryId | undefined
  newest: EntryId | undefined
  /** Of the newest entry that knows its LSN. */
  newestLsn: Lsn | undefined
  /** `undefined` for an empty log and for one that Debezium writes. */
  whole?: WholePart | undefined
  entries: number
  /** Memory or disk it takes, about; `undefined` where the server does not say. */
  bytes: number | undefined
}

/** How much of the log has no transaction that is only begun. */
export interface WholePart {
  /** Whatever a writer had for the log up to here, it has kept. */
  lsn: Lsn
  /** The newest entry, which says so; behind it nothing may be kept should it get lost. */
  newest: EntryId
}

/** What may stay. Each limit alone lets go of the oldest entries; none given keeps everything. */
export interface Retention {
  maxAgeMs?: number
  maxEntries?: number
  maxBytes?: number
  /**
   * Entries are kept for the slowest durable reader until the log passes this many times one of the limits above; then it loses
   * its place, and is told so.
   *
   * @defaultValue 4
   */
  hardFactor?: number
}

export interface TrimReport {
  removed: number
  /** The durable reader that holds entries back beyond the limits, if one does. */
  heldBackBy: string | undefined
  /** Durable readers that lost their place to the hard limit. */
  overtaken: string[]
}
