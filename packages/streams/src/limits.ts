/** Default numbers of backend streams, with unit and reason. */
export const STREAM_LIMITS = {
  /** How long an owner keeps its id without a sign of life. Long enough for a pause of the garbage collector, short enough to wait out. */
  leaseMs: 10_000,
  /** A stand-by looks at least this often whether the id is free. */
  standbyPollMs: 500,
  /** Acknowledgements of a loop travel together, at most this long after they were made. */
  acknowledgeDelayMs: 20,
  /** A stream that skips everything notes how far it has come this often. */
  skipSaveIntervalMs: 1_000,
  /** Newest pages of the log, sorted by table, that are kept for the other streams of this process. */
  sharedPages: 4,
  /** Events matched, running or finished above the low-water mark of one partition; the bound of its cursor record. */
  maxAhead: 1_000,
  /** Characters of the changes that one partition has taken up and not finished; a single one may be larger. */
  maxAheadChars: 16 * 1024 * 1024,
  /** Most deliveries counted before a handler is free: what quick handlers finish during a save. After a crash each is delivered alone. */
  countedAhead: 128,
  /** Deliveries of an event before it becomes a dead letter. */
  maxDeliveries: 5,
  /** Dead letters of one partition. Beyond it the oldest go: the log says so, and `zenstack-live streams` counts them. */
  maxDeadLetters: 10_000,
  /** First and longest pause between deliveries of one event. */
  minBackoffMs: 500,
  maxBackoffMs: 60_000,
  /** How far the clocks of Postgres and of the log may lie apart: a stream that begins at a date reads from so long before it. */
  startMarginMs: 300_000,
  /** How long a stream that ends waits for handlers that run. */
  drainMs: 10_000,
  /** Longest text of an error kept in a dead letter. */
  maxErrorChars: 4_000,
  /** Most partitions of one id. */
  maxPartitions: 64,
} as const

export type StreamLimits = { readonly [name in keyof typeof STREAM_LIMITS]: number }
