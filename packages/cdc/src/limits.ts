/** Every default number of the capture, with its unit and the reason. Options override them by name. */
export const CAPTURE_LIMITS = {
  /** A change is confirmed to Postgres this long after the log kept it: what a log loses in a failover is streamed again from the slot. */
  confirmDelayMs: 10_000,
  /** Progress marks of a quiet database, and status messages to the server, come at least this often. */
  progressIntervalMs: 1_000,
  /** The server gives up a silent reader after this, and so frees the slot for another process. */
  leaseMs: 10_000,
  /** A server that says nothing for so long, though it is asked again and again, is gone; Postgres's own subscribers wait as long (`wal_receiver_timeout`). */
  serverTimeoutMs: 60_000,
  /** A process that waits for the slot asks this often; a tenth of it is jitter. */
  takeoverPollMs: 500,
  /** First and longest pause after an error. */
  minBackoffMs: 100,
  maxBackoffMs: 10_000,
  /** Rows and bytes of one transaction; a larger one is a `bulk` mark, and readers read its tables again. */
  maxTransactionEntries: 100_000,
  maxTransactionBytes: 64 * 1024 * 1024,
  /** Bytes waiting for the log before the socket is no longer read. More is not faster: what waits long is copied by the garbage collector. */
  maxPendingBytes: 8 * 1024 * 1024,
  /** Entries handed to the log in one call: bounds its reply time. A larger transaction goes alone. */
  maxEntriesPerWrite: 2_000,
  /** Rows and bytes that the initial snapshot reads at once, and hands to the log in one call; rows alone may be larger. */
  snapshotFetchRows: 1_000,
  snapshotFetchBytes: 1024 * 1024,
  /** The catalog is compared this often: some schema changes send nothing. */
  reconcileIntervalMs: 15_000,
  /** Longest wait for the server while connecting or asking the catalog. */
  databaseTimeoutMs: 15_000,
} as const

export type CaptureLimits = { readonly [name in keyof typeof CAPTURE_LIMITS]: number }
