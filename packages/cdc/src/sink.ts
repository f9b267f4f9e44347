import type { LogBatch, Lsn } from '@zenstack-live/protocol'

/** Where the log stands. */
export interface SinkState {
  /** Epoch of the newest entry (see `epochOfEntryId`); 0 for an empty log. */
  epoch: number
  /** LSN of the newest entry; `undefined` for an empty log. */
  lsn: Lsn | undefined
  /** What {@link CaptureSink.remember} last kept; `undefined` when nothing, or lost with the log. */
  memory: string | undefined
}

/** Where captured changes go. One capture at a time writes, one call at a time. */
export interface CaptureSink {
  /** Asked when a capture has become the leader, before it writes. */
  state(): Promise<SinkState>
  /**
   * Resolves when the batches are kept as durably as the log can. Each batch is whole. An entry that is already there, at its id, is
   * success. Rejects when an id is refused that is not there, or when the log no longer holds what it had kept.
   */
  write(batches: readonly LogBatch[]): Promise<void>
  /** Keeps a text (below 256 KiB) beside the log, so that it is lost exactly when the log is. */
  remember(text: string): Promise<void>
}
