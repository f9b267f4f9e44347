import { spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createDatabase } from './create-database.ts'
import { endLeftOver } from './end-left-over.ts'
import { freePort } from './free-port.ts'
import { serverUser } from './os-user.ts'
import { postgresBinaries } from './postgres-binaries.ts'
import { reachableFolder, sharedTemporaryFolder } from './reachable-folder.ts'
import { createServerProcess } from './server-process.ts'

export interface PostgresOptions {
  /**
   * Keep the cluster here, across restarts; where its user cannot reach that, in a folder of `/var/tmp` that stands for it. A server that
   * was left over there is ended first. By default the cluster lives in a temporary folder that `stop` removes.
   */
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
  createDatabase(): Promise<string>
  /** Starts it again after `kill` or `shutDown`, on the same port and data. */
  start(settings?: Record<string, string>): Promise<void>
  /** Ends it as a crash would: children die at once, nothing is flushed, the next start recovers from the WAL. */
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
  // Tests leave slots behind that were still in use when they wanted to drop them.
  max_replication_slots: '400',
  max_prepared_transactions: '20',
  logging_collector: 'off',
}

// Temporary clusters are asked for what was committed, never for what survived a power cut.
const TEMPORARY_SETTINGS = { fsync: 'off', full_page_writes: 'off' }

/** Starts a private Postgres with logical replication switched on, as a child process of this one. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { initdb, postgres } = await postgresBinaries()
  const isTemporary = options.directory === undefined
  const directory =
    options.directory === undefined ? mkdtempSync(join(sharedTemporaryFolder(), 'zenstack-live-pg-')) : reachableFolder(options.directory)
  // The ready line has to be English, whatever the user's language is.
  const spawnOptions = { ...serverUser(), env: { ...process.env, LC_MESSAGES: 'C', TZ: 'UTC' }, cwd: sharedTemporaryFolder() }
  const server = createServerProcess(postgres, {
    spawn: spawnOptions,
    readyLine: 'ready to accept connections',
    ...(options.onLog === undefined ? {} : { onLog: options.onLog }),
  })
  await endLeftOver(join(directory, 'postmaster.pid'), directory, 'SIGINT')
  if (!existsSync(join(directory, 'PG_VERSION'))) await initialize(initdb, directory, spawnOptions)
  const port = options.port ?? (await freePort())
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`
  const start = async (extra: Record<string, string> = {}): Promise<void> => {
    const settings = { ...SETTINGS, ...(isTemporary ? TEMPORARY_SETTINGS : {}), ...options.settings, ...extra }
    await server.start(['-D', directory, '-p', String(port), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])])
  }

  await start()
  return {
    port,
    directory,
    url,
    start,
    createDatabase: () => createDatabase(url),
    kill: () => server.end('SIGQUIT'),
    shutDown: () => server.end('SIGINT'),
    async stop() {
      await server.end('SIGINT')
      if (isTemporary) rmSync(directory, { recursive: true, force: true })
    },
  }
}

interface InitOptions {
  uid?: number
  gid?: number
  env: NodeJS.ProcessEnv
  cwd: string
}

async function initialize(initdb: string, directory: string, options: InitOptions): Promise<void> {
  mkdirSync(directory, { recursive: true })
  if (options.uid !== undefined && options.gid !== undefined) chownSync(directory, options.uid, options.gid)
  chmodSync(directory, 0o700)
  const args = ['--pgdata', directory, '--username', 'postgres', '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C.UTF-8', '--no-sync']
  await new Promise<void>((resolve, reject) => {
    const child = spawn(initdb, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`initdb ended with code ${code}:\n${errors}`))))
  })
}
