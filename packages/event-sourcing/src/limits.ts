/** Every bound of the package, with the reason for its default. */
export interface EventSourcingLimits {
  /** Events of one append. More would hold their locks for long. @defaultValue 1000 */
  readonly maxEventsPerAppend: number
  /**
   * Lock keys one append takes one by one. Above it, it takes the whole table instead, so that it cannot exhaust
   * the server's shared lock table (64 locks per connection by default). @defaultValue 256
   */
  readonly maxLocksPerAppend: number
  /** Events one page of a read or a subscription holds in memory. @defaultValue 500 */
  readonly pageSize: number
  /** Shortest pause between two polls of a subscription that waits for a writer to finish. @defaultValue 5 */
  readonly minPollIntervalMs: number
  /** Longest pause between two polls of a quiet subscription. A wake-up ends the pause at once. @defaultValue 1000 */
  readonly maxPollIntervalMs: number
  /** How long a snapshot or a rebuild waits for open transactions to end. @defaultValue 5000 */
  readonly settleTimeoutMs: number
  /** First pause before a command is tried again; it doubles, with jitter. @defaultValue 10 */
  readonly retryDelayMs: number
  /** Attempts of a command, the first included, unless the call says otherwise. @defaultValue 4 */
  readonly maxAttempts: number
  /** Bytes of one event's data as JSON. @defaultValue 1 MiB, well below what a row of a change log should carry */
  readonly maxEventBytes: number
  /** Patches kept per watched projection for readers that come back. @defaultValue 256 */
  readonly maxKeptPatches: number
  /** Projections one live reader holds in memory. @defaultValue 10000 */
  readonly maxWatchedProjections: number
  /** Frames waiting for one slow watcher before it is sent a snapshot instead. @defaultValue 1000 */
  readonly maxQueuedFrames: number
  /** Events read again to resume a watcher by position; beyond it, it gets a snapshot. @defaultValue 1000 */
  readonly maxReplayedEvents: number
}

export const DEFAULT_LIMITS: EventSourcingLimits = {
  maxEventsPerAppend: 1000,
  maxLocksPerAppend: 256,
  pageSize: 500,
  minPollIntervalMs: 5,
  maxPollIntervalMs: 1000,
  settleTimeoutMs: 5000,
  retryDelayMs: 10,
  maxAttempts: 4,
  maxEventBytes: 1_048_576,
  maxKeptPatches: 256,
  maxWatchedProjections: 10_000,
  maxQueuedFrames: 1000,
  maxReplayedEvents: 1000,
}
