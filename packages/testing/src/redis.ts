import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { cacheDirectory } from './cache-directory.ts'
import { endLeftOver } from './end-left-over.ts'
import { freePort } from './free-port.ts'
import { redisFromDistribution, redisOnPath, type RedisProgram } from './redis-program.ts'
import { createServerProcess } from './server-process.ts'

export interface RedisOptions {
  /**
   * Keep data here, across restarts. A server that was left over there is ended first. By default data lives in a temporary folder that
   * `stop` removes.
   */
  directory?: string
  /** @defaultValue a free port */
  port?: number
  /** Write every command to disk before answering, so that `kill` loses nothing. @defaultValue false */
  isPersistent?: boolean
  /** Further settings, such as `['--maxmemory', '10mb']`. */
  args?: string[]
  /** @defaultValue the first that is found: on PATH, then the distribution's package */
  program?: RedisProgram
}

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Starts it again after `kill`, on the same port and folder. */
  start(args?: string[]): Promise<void>
  /** Ends it as a crash would (SIGKILL). */
  kill(): Promise<void>
  stop(): Promise<void>
}

/** The server program for tests and development, or `undefined` where none is to be had. */
export function findRedis(): RedisProgram | undefined {
  return redisOnPath() ?? redisFromDistribution(cacheDirectory())
}

/**
 * Starts a private Redis or Valkey.
 *
 * @throws {Error} when there is no server program.
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const program = options.program ?? findRedis()
  const port = options.port ?? (await freePort())
  if (program === undefined) return startContainer(port, options)
  const isTemporary = options.directory === undefined
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'zenstack-live-redis-'))
  mkdirSync(directory, { recursive: true })
  const pidFile = join(directory, 'redis.pid')
  await endLeftOver(pidFile, directory, 'SIGTERM')
  const server = createServerProcess(program.command, { spawn: { env: { ...process.env, ...program.env } } })
  const start = async (extra: string[] = []): Promise<void> => {
    await server.start([
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      directory,
      '--pidfile',
      pidFile,
      // Its command line goes on naming the folder, so that it can be known again.
      '--set-proc-title',
      'no',
      '--save',
      '',
      ...persistenceArgs(options),
      ...(options.args ?? []),
      ...extra,
    ])
    await answersPing(port, program.command)
  }

  await start()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    start,
    kill: () => server.end('SIGKILL'),
    async stop() {
      await server.end('SIGTERM')
      if (isTemporary) rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Loaded only here: few machines need it, and it is large. */
async function startContainer(port: number, options: RedisOptions): Promise<RedisServer> {
  try {
    const { startRedisContainer } = await import('./redis-container.ts')
    return await startRedisContainer(port, [...persistenceArgs(options), ...(options.args ?? [])])
  } catch (cause) {
    throw new Error('No redis-server or valkey-server was found, and no Docker answers. Install one, or set REDIS_URL.', { cause })
  }
}

function persistenceArgs(options: RedisOptions): string[] {
  return options.isPersistent === true ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']
}

async function answersPing(port: number, command: string): Promise<void> {
  const client = new Redis({
    port,
    host: '127.0.0.1',
    lazyConnect: true,
    retryStrategy: (attempt) => (attempt > 300 ? null : 30),
    maxRetriesPerRequest: null,
  })
  client.on('error', () => {})
  try {
    await client.ping()
  } catch (cause) {
    throw new Error(`${command} does not answer on port ${port}.`, { cause })
  } finally {
    client.disconnect()
  }
}
