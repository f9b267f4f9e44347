/** Every number of the browser client, with its unit and the reason. `createLiveClient(schema, { limits })` overrides them by name. */
export const CLIENT_LIMITS = {
  /** Queries that begin within this time share one opening: a tick, so that a page's hooks come together. */
  gatherMs: 5,
  /** A running connection waits this long for more changes of its set of queries before it opens its successor. */
  changeDelayMs: 40,
  /** A query nobody watches stays open this long: going back to the last page costs nothing. */
  lingerMs: 5_000,
  /** Longest wait for a connection's first bytes and snapshots: the server's own limit for a snapshot is 15 s. */
  openTimeoutMs: 30_000,
  /** Silence after which a connection counts as dead: the server writes at least every 20 s. */
  silenceMs: 45_000,
  /** First step of the backoff; full jitter between zero and the step, which doubles up to `maxBackoffMs`. */
  minBackoffMs: 500,
  maxBackoffMs: 30_000,
  /** A successor that is behind what is already shown gets this long to catch up. Then it is given up, or takes over where nothing says that it is behind. */
  catchUpMs: 5_000,
  /** Openings in a row that brought no byte before the client asks instead of listening: something on the way buffers the stream. */
  silencesBeforePolling: 2,
  /** While the client asks: how often, and after how many rounds it tries to listen again. */
  pollIntervalMs: 5_000,
  pollsBeforeStreaming: 60,
  /** Loads of the client's own later code that fail before the queries that need it say so. It is asked for again all the same, with the same backoff. */
  codeTries: 3,
  /** A refused query that may work later is asked for again after this long. */
  queryRetryMs: 5_000,
  /** How long a write waits for the stream to bring its effects before the query is read once over HTTP. */
  ownWriteMs: 4_000,
  /** Queries on one connection: the server's `maxQueriesPerConnection`. The rest waits, with an error; where the server allows fewer, what it refuses does. */
  maxQueries: 200,
  /** Changes kept for one query between two id blocks. A server that sends more without an end is broken; the client starts again. */
  maxBufferedFrames: 10_000,
} as const

export type ClientLimits = { readonly [name in keyof typeof CLIENT_LIMITS]: number }
