import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { freePort } from './free-port.ts'
import { serverUser } from './os-user.ts'
import { postgresBinaries } from './postgres-binaries.ts'

export interface PostgresOptions {
  /** Keep the cluster here, across restarts. By default it lives in a temporary folder that `stop` removes. */
  directory?: string
  /** @defaultValue a free port */
  port?: number
  /** Server settings, such as `{ synchronous_commit: 'off' }`. `wal_level` is `logical` unless set. */
  settings?: Record<string, string>
  /** Each line of the server's log. */
  onLog?: (line: string) => void
}

export interface PostgresServer {
  readonly port: number
  readonly directory: string
  /** The database `postgres`, as superuser. */
  readonly url: string
  /** Makes an empty database and gives its URL. */
  createDatabase(name?: string): Promise<string>
  /** Starts it again after `kill` or `shutDown`, on the same port and data. */
  start(settings?: Record<string, string>): Promise<void>
  /** Ends it as a crash would (SIGKILL to the postmaster and its children). The data folder stays. */
  kill(): Promise<void>
  /** Ends it in an orderly way (fast shutdown). The data folder stays. */
  shutDown(): Promise<void>
  /** Ends it and, when it was temporary, removes its data. */
  stop(): Promise<void>
}

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_connections: '300',
  max_wal_senders: '40',
  max_replication_slots: '40',
  max_prepared_transactions: '20',
  logging_collector: 'off',
  // Tests ask for what was committed, never for what survived a power cut.
  fsync: 'off',
  full_page_writes: 'off',
}

/** Starts a private Postgres with logical replication switched on, as the owner's ordinary child process. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { initdb, postgres } = await postgresBinaries()
  const user = serverUser()
  const port = options.port ?? (await freePort())
  const isTemporary = options.directory === undefined
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'zenstack-live-pg-'))
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`
  // Its output has to be quiet in the user's language for `isReady` to know it.
  const env = { ...process.env, LC_MESSAGES: 'C', TZ: 'UTC' }
  let child: ChildProcess | undefined
  let databaseCount = 0

  if (!existsSync(join(directory, 'PG_VERSION'))) {
    mkdirSync(directory, { recursive: true })
    if (user !== undefined) chownSync(directory, user.uid, user.gid)
    chmodSync(directory, 0o700)
    const args = ['--pgdata', directory, '--username', 'postgres', '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C.UTF-8', '--no-sync']
    await run(initdb, args, { ...user, env, cwd: tmpdir() })
  }

  const start = async (extra: Record<string, string> = {}): Promise<void> => {
    const settings = { ...SETTINGS, ...options.settings, ...extra }
    const args = ['-D', directory, '-p', String(port), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
    const started = spawn(postgres, args, { ...user, env, cwd: tmpdir(), stdio: ['ignore', 'ignore', 'pipe'] })
    child = started
    let log = ''
    await new Promise<void>((resolve, reject) => {
      started.stderr?.setEncoding('utf8').on('data', (text: string) => {
        if (log.length < 20_000) log += text
        for (const line of text.split('\n')) if (line !== '') options.onLog?.(line)
        if (text.includes('ready to accept connections')) resolve()
      })
      started.once('error', reject)
      started.once('exit', (code) => reject(new Error(`Postgres ended with code ${code} while starting:\n${log}`)))
    })
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
    directory,
    url,
    start,
    async createDatabase(name = `db_${process.pid}_${databaseCount++}_${Date.now().toString(36)}`) {
      const client = new pg.Client(url)
      await client.connect()
      try {
        await client.query(`CREATE DATABASE "${name}"`)
      } finally {
        await client.end()
      }
      return url.replace(/\/postgres$/, `/${name}`)
    },
    // SIGQUIT is Postgres's immediate shutdown: children die at once, nothing is flushed, the next start recovers from the WAL.
    kill: () => end('SIGQUIT'),
    shutDown: () => end('SIGINT'),
    async stop() {
      await end('SIGINT')
      if (isTemporary) rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function run(command: string, args: string[], options: { uid?: number; gid?: number; env: NodeJS.ProcessEnv; cwd: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with code ${code}:\n${errors}`))))
  })
}
