/** Every default number of the server and the client, with its unit and the reason. Options override them by name. */
export const LIMITS = {
  /** Longest encoded query in a URL or body. ZenStack queries are well under 4 KiB; megabytes are an attack. */
  maxQueryBytes: 64 * 1024,
  /** Nesting of arguments (AND/OR/NOT, relations, JSON). Deeper than people write, shallow enough for recursion. */
  maxArgsDepth: 16,
  /** Nesting of JSON in a request, whatever it means: refused before anything walks it. Well above `maxArgsDepth`, far below any stack. */
  maxJsonDepth: 100,
  /** Values in one `in`, or members of one AND/OR. */
  maxListItems: 10_000,
  /** Longest string inside arguments, in UTF-16 units. */
  maxStringChars: 16 * 1024,
  /** Queries on one connection. */
  maxQueriesPerConnection: 200,
  /** Connections of one process. The last twentieth is for who goes on from a position: newcomers do not lock out who was there a moment ago. */
  maxConnections: 20_000,
  /**
   * Questions waiting for the database beyond which newcomers, and reads, are sent away for a while: seconds of waiting, where it answers a thousand a second.
   * Who goes on from a position is let in: mostly that asks nothing.
   */
  maxWaitingQuestions: 5_000,
  /**
   * Connections of one person (a row of the auth model) to one process: a twentieth of all, so that an account gone wild leaves room for
   * the others. A person with many tabs and devices has tens, for a moment two for one. Visitors without an account count together only.
   */
  maxConnectionsPerIdentity: 1_000,
  /** Queries of one person in one process: those of fifty full connections. */
  maxQueriesPerIdentity: 10_000,
  /** Rows of one snapshot, groups of one `groupBy`, rows of one list inside a row: a browser list, not an export. */
  maxSnapshotRows: 20_000,
  /** Rows of all lists inside the rows of one answer (`include`, `select`), counted together. */
  maxRelatedRows: 100_000,
  /**
   * Rows of one membership predicate that are kept in memory for one person, some 100 bytes each. Who has more is asked for in the database: their
   * queries are requeries.
   */
  maxMemberships: 50_000,
  /**
   * Rows of all answers that one process keeps for queries which are asked again, those in lists inside them among them: about a gigabyte. Beyond it
   * a query that has no answer yet is refused for a while (`overloaded`).
   */
  maxHeldRows: 1_000_000,
  /** Rows in one `snapshot` frame. */
  snapshotRowsPerFrame: 500,
  /** The edge's own database pool. */
  maxDatabaseConnections: 10,
  /** Longest wait for a snapshot or a requery. */
  databaseTimeoutMs: 15_000,
  /** An id-only block moves quiet readers on at least this often; proxies cut idle streams after 60 s. */
  heartbeatIntervalMs: 15_000,
  /** Longest time in which a reader takes nothing of what was written to it. Nothing more is written meanwhile. */
  maxStallMs: 10_000,
  /** How long one connection lives: bounds what its context remembers. Ends with a jitter of up to a tenth. */
  maxConnectionAgeMs: 60 * 60_000,
  /** `getClient` is asked again at least this often. */
  identityMaxAgeMs: 60_000,
  /** Longest wait for `getClient`, `mint`, `redeem` and a projection's `authorize`: as long as for the database, which most of them ask. Beyond it nobody knows who it is: streams end, and come back. And how long it is asked anew because the row behind `auth()` was changed meanwhile. */
  identityTimeoutMs: 15_000,
  /**
   * Questions to `getClient`, `mint` and `redeem` at the same time: an end of continuity, or TRUNCATE of the auth table, makes everybody doubtful at once.
   * With an answer in 20 ms all streams are asked for in four seconds. Others wait in line, newcomers behind them (`maxWaitingQuestions` at the most), for `identityMaxAgeMs` at the most; beyond it streams end, and
   * come back. `identityTimeoutMs` begins behind the line.
   */
  maxConcurrentIdentityQuestions: 100,
  /** How long a ticket in a URL opens its stream, at the most: about as long as usual access tokens, for URLs end up in logs. */
  accessTicketMaxAgeMs: 15 * 60_000,
  /** Longest such ticket; what `mint` names is in it. */
  maxAccessTicketBytes: 1_024,
  /** How far back a process reads the log when it starts, at the least: what was committed may not be visible yet. Further where a commit waits for a standby for longer. */
  lookBackMs: 60_000,
  /** Entries of the newest changes kept in memory for reopening and resuming without asking the log. */
  ringEntries: 20_000,
  /** Bytes of the same. */
  ringBytes: 64 * 1024 * 1024,
  /** Entries a resume replays before a snapshot is cheaper. */
  maxReplayEntries: 50_000,
  /** Entries read from the log at once. */
  logReadCount: 500,
  /** A requery waits this long for more causes after the first one ran at once. */
  requeryTrailingMs: 25,
  /**
   * A query whose policies read `now()` is asked again this often, for time alone may change its answer. Where they compare it with the model's own
   * fields and `auth()`, it is asked when one of those moments comes, and no more often than this,
   * or than once a second.
   */
  requeryNowMs: 1_000,
  /** Requeries running at the same time. */
  maxConcurrentRequeries: 6,
  /**
   * How long a question waits for a table that somebody else has locked (ALTER TABLE, TRUNCATE) before it lets go of all it has read and is asked
   * again. Less than `deadlock_timeout` of Postgres, which is a second unless set: else it could end the statement of the application instead.
   */
  lockTimeoutMs: 500,
  /**
   * How often one question is asked while tables are locked, or emptied (TRUNCATE) beneath it: what it reads then is no state of the database. Beyond
   * it it has failed (`database_unavailable`), as when the database does not answer: live queries ask again after a pause, a reader who has nothing yet comes back.
   */
  maxAsksPerQuestion: 10,
  /** SQL of questions that were asked before, kept by one process so that ZenStack need not make it again: some thousands of questions. */
  maxStatementBytes: 16 * 1024 * 1024,
  /**
   * Transactions that wait for an answer of the database, per query. Beyond it a stream of changes begins anew after a `reset`, and a requery looks
   * into the memory of the log (`ringEntries`), and begins anew where that does not reach back.
   */
  maxPendingTransactions: 1_000,
  /** How long a drained process gives its connections. */
  drainDeadlineMs: 10_000,
  /** Longest position in bytes (the `id:` of the stream). */
  maxPositionBytes: 256,
} as const

export type Limits = { readonly [name in keyof typeof LIMITS]: number }
