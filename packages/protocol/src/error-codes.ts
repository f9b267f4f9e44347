/** What a code means to the one who gets it. */
export interface ErrorCodeFacts {
  /** HTTP status when it is known before the stream begins. Inside a stream it travels in an `error` frame. */
  status: number
  /** Whether the same request may succeed later without being changed. */
  isRetryable: boolean
  /** The fixed sentence a client sees. It never holds SQL, rows, policy text or other users' ids. */
  sentence: string
  /** What the developer who meets it should do. */
  cure: string
}

/** Every code that leaves the server, or that an error of ours carries. The table is part of the wire. */
export const ERROR_CODES = {
  bad_request: {
    status: 400,
    isRetryable: false,
    sentence: 'The request is not a live query request.',
    cure: 'Send `GET {base}/{model}/{operation}?q=` or `POST {base}` with `{ "queries": [...] }`.',
  },
  bad_json: {
    status: 400,
    isRetryable: false,
    sentence: 'The query is not valid JSON.',
    cure: 'Send `q` and `meta` as JSON, as the ZenStack clients do.',
  },
  bad_position: {
    status: 400,
    isRetryable: false,
    sentence: 'The position cannot be read.',
    cure: 'Give entry ids, LSNs and places as you received them. No browser meets it: from a `Last-Event-ID` that cannot be read a stream begins with a snapshot.',
  },
  unknown_model: {
    status: 404,
    isRetryable: false,
    sentence: 'There is no such model.',
    cure: 'Use a model of the schema, its first letter in lower case in URLs; the client may also exclude it by slicing.',
  },
  unknown_operation: {
    status: 404,
    isRetryable: false,
    sentence: 'This operation cannot be live.',
    cure: 'Use findMany, findFirst, findUnique, exists, count, aggregate, groupBy or $changes.',
  },
  bad_arguments: {
    status: 422,
    isRetryable: false,
    sentence: 'The arguments do not fit the operation.',
    cure: 'Check field names and value types against the schema; the server log names the place.',
  },
  too_large: {
    status: 413,
    isRetryable: false,
    sentence: 'The query is larger than the server allows.',
    cure: 'Shorten the query, or raise the limit that the server log names.',
  },
  too_many_queries: {
    status: 429,
    isRetryable: false,
    sentence: 'Too many queries are open.',
    cure: 'Close queries that are no longer shown, or raise `maxQueriesPerConnection` on the server and `maxQueries` in the client.',
  },
  not_live: {
    status: 422,
    isRetryable: false,
    sentence: 'This query cannot be kept live.',
    cure: 'Read it with an ordinary query; the server log names the part that cannot be live.',
  },
  table_refused: {
    status: 422,
    isRetryable: false,
    sentence: 'A table of this query cannot be live.',
    cure: 'Run `zenstack-live doctor`: it names the table and the statement that mends it.',
  },
  unprotected_client: {
    status: 500,
    isRetryable: false,
    sentence: 'The server refused to answer without access policies.',
    cure: 'Give `getClient` a client with the policy plugin, or set `dangerouslyAllowUnprotected`.',
  },
  foreign_database: {
    status: 500,
    isRetryable: false,
    sentence: 'The server refused a client of another database.',
    cure: 'Let `getClient` return a client made from the one given to `new ZenStackLive({ client })`.',
  },
  unauthenticated: {
    status: 401,
    isRetryable: false,
    sentence: 'Sign in to open this stream.',
    cure: 'Send the credentials that `getClient` expects.',
  },
  forbidden: { status: 403, isRetryable: false, sentence: 'This is not allowed.', cure: 'The policies deny it, or it does not exist.' },
  row_limit: {
    status: 422,
    isRetryable: false,
    sentence: 'The result has more rows than the server allows.',
    cure: 'Narrow `where`, add `take`, or raise `maxSnapshotRows` or `maxRelatedRows`.',
  },
  overloaded: {
    status: 200,
    isRetryable: true,
    sentence: 'The server is busy. The stream will be tried again.',
    cure: 'Nothing: clients come back after the `retry` they were sent.',
  },
  database_unavailable: {
    status: 503,
    isRetryable: true,
    sentence: 'The database does not answer.',
    cure: 'Check that Postgres is up and `database.url` reaches it.',
  },
  log_unavailable: {
    status: 503,
    isRetryable: true,
    sentence: 'The change log does not answer.',
    cure: 'Check that Redis is up and `redis.url` reaches it.',
  },
  capture_unavailable: {
    status: 503,
    isRetryable: true,
    sentence: 'Changes are not being captured.',
    cure: 'Run `zenstack-live doctor`: it names what is missing and the command that mends it.',
  },
  log_gap: {
    status: 503,
    isRetryable: false,
    sentence: 'Changes between that position and the oldest kept one are gone.',
    cure: 'Begin again with a snapshot. Raise the retention of the change log if readers fall behind often.',
  },
  log_recreated: {
    status: 503,
    isRetryable: true,
    sentence: 'The change log was made anew.',
    cure: 'Begin again with a snapshot. Redis lost its data: give it persistence if that happens often.',
  },
  log_lost_tail: {
    status: 503,
    isRetryable: true,
    sentence: 'The change log lost its newest entries.',
    cure: 'Nothing at first: capture writes them again from its replication slot. If it lasts, begin again with a snapshot.',
  },
  log_conflict: {
    status: 500,
    isRetryable: false,
    sentence: 'The change log holds another history.',
    cure: 'Two databases, or two captures of different tables, write to one log. Give each its own name.',
  },
  log_in_use: {
    status: 500,
    isRetryable: false,
    sentence: 'The embedded change log belongs to another process.',
    cure: 'Stop the other process, or give `redis.url`: with Redis many processes share one log.',
  },
  log_unsupported: {
    status: 500,
    isRetryable: false,
    sentence: 'The Redis server lacks what the change log needs.',
    cure: 'Use Redis 6.2 or newer, or Valkey, and allow the commands the server log names.',
  },
  reader_fenced: {
    status: 500,
    isRetryable: true,
    sentence: 'Another process reads on in place of this one.',
    cure: 'Nothing: it was slower than its lease, and a stand-by took over. Raise `leaseMs` if it happens often.',
  },
  stream_gap: {
    status: 500,
    isRetryable: false,
    sentence: 'Changes of this stream are gone.',
    cure: 'Give the stream `onGap`, which makes up for what is missing and lets it go on.',
  },
  auth_expired: {
    status: 401,
    isRetryable: false,
    sentence: 'The credentials have expired.',
    cure: 'Refresh them and open the stream again with the last position.',
  },
  client_incomplete: {
    status: 503,
    isRetryable: true,
    sentence: 'A part of the live client did not load.',
    cure: 'Load the page again. Keep the files of the last deploy for a while, and let no policy or blocker hold them back.',
  },
  internal: { status: 500, isRetryable: true, sentence: 'Something went wrong on the server.', cure: 'The server log has the cause.' },
} as const satisfies Record<string, ErrorCodeFacts>

/** A stable name for what went wrong. Compare errors by it, not by class: two copies of a package must still work. */
export type ErrorCode = keyof typeof ERROR_CODES

/** Body of every answer that is an error. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string }
}
