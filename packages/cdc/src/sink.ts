import type { EntryId, LogBatch, Lsn } from '@zenstack-live/protocol'

/** Where the log stands. */
export interface SinkState {
  /** Epoch of the newest entry (see `epochOfEntryId`); 0 for an empty log. */
  epoch: number
  /** LSN of the newest entry; `undefined` for an empty log. */
  lsn: Lsn | undefined
  /**
   * How much of the log has no transaction that is only begun, and its newest entry. Where a sink does not say, a change of the captured
   * tables fails until Postgres need not repeat what was captured before it.
   */
  whole?: { lsn: Lsn; newest: EntryId } | undefined
  /** What {@link CaptureSink.remember} last kept; `undefined` when nothing, or lost with the log. */
  memory: string | undefined
}

/** One whole commit, or a mark. */
export interface SinkBatch extends LogBatch {
  /** This entry, or a later one, must be there, else the write is rejected. In the first batch of a call; what {@link SinkState.whole} said. */
  after?: EntryId | undefined
}

/** Where captured changes go. One capture at a time writes, one call at a time. */
export interface CaptureSink {
  /** Asked when a capture has become the leader, before it writes. */
  state(): Promise<SinkState>
  /**
   * Resolves when the batches are kept as durably as the log can. Each batch is whole. An entry that is already there, at its id, is
   * success. Rejects when an id is refused that is not there (with the code `log_conflict`: after some of these a new
   * epoch begins), or when the log no longer holds what it had kept.
   */
  write(batches: readonly SinkBatch[]): Promise<void>
  /** Keeps a text (below 256 KiB) beside the log, so that it is lost exactly when the log is. */
  remember(text: string): Promise<void>
}
