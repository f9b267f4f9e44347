/** Default numbers of the change log, with unit and reason. */
export const CHANGE_LOG_LIMITS = {
  /** Newest entries, and bytes of them, that a reading keeps for followers a little behind the others. */
  keptEntries: 8_000,
  keptBytes: 32 * 1024 * 1024,
  /** Readings of one log at a time that followers share: at its head, and from places further back. Beyond it each reads for itself. */
  sharedReadings: 5,
  /** Entries of one append command: a few milliseconds of Redis' time. */
  appendEntries: 500,
  /** Characters of one append command. */
  appendChars: 2 * 1024 * 1024,
  /** Append commands on their way at once: some are executed, or travel, while the next is encoded. */
  appendsInFlight: 4,
  /** Entries read at once; beyond some hundreds the client library gains nothing more. */
  readEntries: 500,
  /** Bytes of one page, about: rows of some hundred kilobytes come in shorter pages. A single entry may be larger. */
  readBytes: 4 * 1024 * 1024,
  /** Longest blocking read, so that a half-open connection is noticed. */
  blockMs: 2_000,
  /** How long a command may go unanswered. */
  commandTimeoutMs: 10_000,
  /** How long a reader ahead of a log that lost its newest entries waits for them to be written again. */
  healMs: 30_000,
  /** A reader looks this often whether its log is still the one it began with. */
  verifyIntervalMs: 2_000,
  /** A sample of time, id and count is kept at least this often: what retention by age and count is decided by. */
  sampleIntervalMs: 5_000,
  sampleEntries: 2_000,
  /** Most samples kept; older ones are thinned out with the entries they describe. */
  maxSamples: 100_000,
  /** How long a transaction of Debezium stays open when nothing follows it and, without transaction metadata, no end is announced. */
  debeziumIdleMs: 50,
  /** How long END may take behind the newest change of Debezium before it is said to be missing. */
  debeziumEndMs: 10_000,
  /** Entries before a place that are read there, so that a resend of Debezium behind it is known for one. */
  debeziumLookBack: 1_000,
  /** Recent transactions of Debezium by which repeats are recognised. */
  debeziumTransactions: 10_000,
  /** Longest pause between two attempts to reach Redis again. */
  reconnectDelayMs: 2_000,
  /** Dead letters of one reader where it does not say; the oldest make room: the save reports how many, the list counts them. */
  maxDeadLetters: 10_000,
} as const

export type ChangeLogLimits = { readonly [name in keyof typeof CHANGE_LOG_LIMITS]: number }
