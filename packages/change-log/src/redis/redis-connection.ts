import { createHash } from 'node:crypto'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { CHANGE_LOG_LIMITS, type ChangeLogLimits } from '../limits.ts'
import { packEntries } from './pack-entries.ts'
import type { RedisLogOptions } from './redis-options.ts'

export type RedisClient = Redis | Cluster

/** A connection for commands: each is answered or fails within a bounded time. */
export function connectForCommands(options: RedisLogOptions): RedisClient {
  const limits: ChangeLogLimits = { ...CHANGE_LOG_LIMITS, ...options.limits }
  return connect(options, {
    ...common(limits, options.onWarning),
    maxRetriesPerRequest: 4,
    commandTimeout: limits.commandTimeoutMs,
  })
}

/** A connection that waits in a blocking read. It is not shared: whatever else it were asked would wait too. */
export function connectForBlocking(options: RedisLogOptions): RedisClient {
  const limits: ChangeLogLimits = { ...CHANGE_LOG_LIMITS, ...options.limits }
  return connect(options, {
    ...common(limits, options.onWarning),
    maxRetriesPerRequest: null,
    // Something arrives at least every `blockMs`; a connection that stays silent for longer is dead without having said so.
    socketTimeout: limits.blockMs + limits.commandTimeoutMs,
  })
}

/** A Lua script that Redis knows by its hash. */
export interface RedisScript {
  sha: string
  text: string
}

export function createScript(text: string): RedisScript {
  return { sha: createHash('sha1').update(text).digest('hex'), text }
}

/** Runs a script by its hash, and with its text where the server does not know it (a restart forgets scripts). */
export async function runScript(
  redis: RedisClient,
  script: RedisScript,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await redis.evalsha(script.sha, keys.length, ...keys, ...args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return redis.eval(script.text, keys.length, ...keys, ...args)
  }
}

function connect({ url, connection, cluster }: RedisLogOptions, defaults: RedisOptions): RedisClient {
  // Replies in the shapes of RESP2, whatever the server speaks: our parsers read those.
  const own = { ...defaults, ...connection, replyMapping: 'legacy' as const }
  if (cluster === undefined) return withPackedEntries(url === undefined ? new Redis(own) : new Redis(url, own))
  const redisOptions = { ...own, ...cluster.options?.redisOptions, replyMapping: 'legacy' as const }
  const nodes = new Cluster(cluster.nodes, { ...cluster.options, redisOptions })
  return nodes.on('+node', withPackedEntries)
}

/** Puts {@link packEntries} between the socket and the library, on each connection before its first reply comes. */
function withPackedEntries(redis: Redis): Redis {
  return redis.on('connect', () => {
    const { stream } = redis
    // The library's own reader stands in front of all who listen. Without it replies come as the library reads them: that is understood too.
    const [read] = stream.listeners('data')
    if (read === undefined) return
    // Listeners of a socket's data take bytes.
    const into = read as (chunk: Buffer) => void
    stream.removeListener('data', into)
    stream.prependListener('data', packEntries(into))
  })
}

function common(limits: ChangeLogLimits, onWarning: ((message: string) => void) | undefined): RedisOptions {
  let lastWarning = ''
  return {
    enableAutoPipelining: false,
    connectTimeout: limits.commandTimeoutMs,
    retryStrategy: (attempt) => Math.min(limits.reconnectDelayMs, 25 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2),
    // After a failover behind one address the old primary answers as a replica: only a new connection finds the new one.
    reconnectOnError: (error) => {
      if (!error.message.startsWith('READONLY')) return false
      if (lastWarning !== error.message) onWarning?.(`Reconnecting to Redis: ${error.message}`)
      lastWarning = error.message
      return true
    },
  }
}
