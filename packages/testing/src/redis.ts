import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'

export interface RedisOptions {
  directory?: string
  port?: number
  /** Write every command to disk before answering, so that `kill` loses nothing. @defaultValue false */
  isPersistent?: boolean
  /** Further settings, such as `['--maxmemory', '10mb']`. */
  args?: string[]
}

export interface RedisServer {
  readonly port: number
  readonly url: string
  start(args?: string[]): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  stop(): Promise<void>
}

/** The Redis-compatible server on PATH, or `undefined`. */
export function redisOnPath(): string | undefined {
  return ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0)
}

/** Starts a private Redis or Valkey. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const command = redisOnPath()
  if (command === undefined) throw new Error('No redis-server or valkey-server was found on PATH. Install one, or set REDIS_URL.')
  const port = options.port ?? (await freePort())
  const isTemporary = options.directory === undefined
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'zenstack-live-redis-'))
  let child: ChildProcess | undefined

  const start = async (extra: string[] = []): Promise<void> => {
    const persistence = options.isPersistent === true ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '', ...persistence, ...(options.args ?? []), ...extra]
    const started = spawn(command, args, { stdio: 'ignore' })
    child = started
    const client = new Redis({
      port,
      host: '127.0.0.1',
      lazyConnect: true,
      retryStrategy: () => 30,
      maxRetriesPerRequest: null,
      enableReadyCheck: true,
    })
    client.on('error', () => {})
    const ended = new Promise<never>((_, reject) =>
      started.once('exit', (code) => reject(new Error(`${command} ended with code ${code} while starting`))),
    )
    ended.catch(() => {})
    try {
      await Promise.race([client.ping(), ended])
    } finally {
      client.disconnect()
    }
  }

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise<void>((resolve) => running.once('exit', () => resolve()))
    running.kill(signal)
    await ended
  }

  await start()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    start,
    kill: () => end('SIGKILL'),
    async stop() {
      await end('SIGTERM')
      if (isTemporary) rmSync(directory, { recursive: true, force: true })
    },
  }
}
