import { ChangeLogError } from '../errors.ts'

const CURES: readonly [prefix: string, code: 'log_unavailable' | 'log_unsupported', cure: string][] = [
  ['OOM', 'log_unavailable', 'Redis has no memory left. Raise `maxmemory`, or shorten the retention of the change log.'],
  ['READONLY', 'log_unavailable', 'This Redis is a replica now. It is tried again after reconnecting to the primary.'],
  ['MISCONF', 'log_unavailable', 'Redis cannot write its snapshot to disk and takes no writes. Look at its log and its disk.'],
  ['NOREPLICAS', 'log_unavailable', 'Redis has too few replicas (`min-replicas-to-write`).'],
  ['LOADING', 'log_unavailable', 'Redis is still loading its data.'],
  ['BUSY', 'log_unavailable', 'Redis is running a long script.'],
  ['CLUSTERDOWN', 'log_unavailable', 'The cluster does not serve this slot at the moment.'],
  ['MASTERDOWN', 'log_unavailable', 'The replica has lost its primary.'],
  ['NOAUTH', 'log_unsupported', 'Give the user and password in `redis.url`.'],
  ['WRONGPASS', 'log_unsupported', 'The user or the password in `redis.url` is wrong.'],
  ['NOPERM', 'log_unsupported', 'Allow this user the commands and keys of the change log.'],
  ['WRONGTYPE', 'log_unsupported', 'A key of the change log holds something else. Give the log another name.'],
  ['self-signed certificate', 'log_unavailable', 'Trust the authority that signed its certificate: `redis.connection.tls.ca`.'],
  ['unable to get local issuer', 'log_unavailable', 'Trust the authority that signed its certificate: `redis.connection.tls.ca`.'],
  ['unable to verify', 'log_unavailable', 'Trust the authority that signed its certificate: `redis.connection.tls.ca`.'],
  ['ERR unknown command', 'log_unsupported', 'The server is too old or lacks this command. Use Redis 6.2 or newer, or Valkey.'],
]

/** What Redis or the client library said, as an error of ours with its cure. */
export function redisError(cause: unknown, doing: string): ChangeLogError {
  if (cause instanceof ChangeLogError) return cause
  const text = cause instanceof Error ? cause.message : String(cause)
  // Inside a script, the reply is prefixed in some versions and the code stands behind it.
  const known = CURES.find(([prefix]) => text.startsWith(prefix) || text.includes(`: ${prefix} `) || text.includes(`-${prefix} `))
  const [, code, cure] = known ?? [
    '',
    'log_unavailable' as const,
    'Check that Redis runs, and that `redis.url` (or REDIS_URL) names its host and port.',
  ]
  return new ChangeLogError(code, `Redis failed while ${doing}: ${text}.`, { cause, cure })
}
