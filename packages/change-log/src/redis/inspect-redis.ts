import { ChangeLogError } from '../errors.ts'
import type { RedisClient } from './redis-connection.ts'

const COMMANDS = ['xadd', 'xread', 'xrange', 'xrevrange', 'xtrim', 'xinfo', 'xlen', 'hset', 'hmget', 'hsetnx', 'hincrby', 'zadd', 'zrange', 'zcount']
const MORE_COMMANDS = [
  'sadd',
  'smembers',
  'evalsha',
  'eval',
  'time',
  'exists',
  'hgetall',
  'hlen',
  'hdel',
  'zremrangebyrank',
  'zcard',
  'zpopmin',
  'zrem',
]
const CURE = 'Use Redis 6.2 or newer, or Valkey.'

export interface RedisInspection {
  server: string
  version: string
  /** What does not stop the log, but may lose it. */
  warnings: string[]
}

/**
 * Looks whether the server can carry the log.
 *
 * @throws {ChangeLogError} `log_unsupported` when it is too old or lacks commands
 * @throws {Error} the client library's own, when it does not answer
 */
export async function inspectRedis(redis: RedisClient): Promise<RedisInspection> {
  const info = await redis.info()
  const commands = await redis.call('COMMAND', 'INFO', ...COMMANDS, ...MORE_COMMANDS)
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim()
  const isValkey = field('server_name') === 'valkey'
  const version = (isValkey ? field('valkey_version') : undefined) ?? field('redis_version') ?? 'unknown'
  const server = isValkey ? 'Valkey' : 'Redis'
  const [major = 0, minor = 0] = (field('redis_version') ?? '7.0').split('.').map(Number)
  if (major < 6 || (major === 6 && minor < 2)) {
    throw new ChangeLogError('log_unsupported', `${server} ${version} is too old: trimming by id needs 6.2.`, { cure: CURE })
  }
  const missing = [...COMMANDS, ...MORE_COMMANDS].filter((_, index) => !Array.isArray(commands) || !isKnown(commands[index]))
  if (missing.length > 0)
    throw new ChangeLogError('log_unsupported', `${server} ${version} lacks the commands ${missing.join(', ')}.`, { cure: CURE })
  return { server, version, warnings: warningsOf(field) }
}

function isKnown(facts: unknown): boolean {
  return facts !== null && facts !== undefined
}

function warningsOf(field: (name: string) => string | undefined): string[] {
  const warnings: string[] = []
  const policy = field('maxmemory_policy') ?? 'noeviction'
  if (Number(field('maxmemory') ?? 0) > 0 && policy.startsWith('allkeys')) {
    warnings.push(`Redis may evict the change log: maxmemory-policy is "${policy}". Set it to "noeviction".`)
  }
  if (field('aof_enabled') === '0' && field('rdb_last_save_time') !== undefined && field('role') === 'master' && field('connected_slaves') === '0') {
    warnings.push('Redis keeps no append-only file and has no replica: a restart loses the newest changes and cursors. Set "appendonly yes".')
  }
  return warnings
}
