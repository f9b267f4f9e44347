import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { cacheDirectory } from './cache-directory.ts'
import { freePort } from './free-port.ts'
import { createServerProcess } from './server-process.ts'

/** A Debezium Server that was unpacked, and a Java that can run it. */
export interface DebeziumProgram {
  java: string
  directory: string
}

export interface DebeziumOptions {
  program: DebeziumProgram
  /** The settings, in Debezium's properties file. */
  settingsFile: string
  postgresUrl: string
  redisUrl: string
  /** Further settings, such as `{ 'debezium.source.slot.name': 'mine' }`. */
  settings?: Record<string, string>
  onLog?: (line: string) => void
}

export interface DebeziumServer {
  readonly pid: number | undefined
  start(): Promise<void>
  /** Ends it as a crash would. */
  kill(): Promise<void>
  stop(): Promise<void>
}

/** Debezium Server 3 needs it. */
const MIN_JAVA = 21
/** Its scheduler reaches into the runtime, which Java 24 forbids unless told. */
const JAVA_OPTIONS = ['--add-opens=java.base/java.lang=ALL-UNNAMED', '-Xmx512m']

/**
 * The distribution (`DEBEZIUM_SERVER_HOME`, or `.cache/debezium/debezium-server`) with a Java to run it, or `undefined`.
 * Maven Central has it as `io.debezium:debezium-server-dist`; nothing here downloads it.
 */
export function findDebezium(): DebeziumProgram | undefined {
  const directory = process.env['DEBEZIUM_SERVER_HOME'] ?? join(cacheDirectory(), 'debezium', 'debezium-server')
  if (!existsSync(join(directory, 'lib'))) return undefined
  const java = findJava()
  return java === undefined ? undefined : { java, directory }
}

/** Starts it on `postgresUrl` and `redisUrl`, and resolves when it streams. */
export async function startDebezium(options: DebeziumOptions): Promise<DebeziumServer> {
  const { java, directory } = options.program
  const home = mkdtempSync(join(tmpdir(), 'zenstack-live-debezium-'))
  mkdirSync(join(home, 'config'))
  copyFileSync(options.settingsFile, join(home, 'config', 'application.properties'))
  const runner = readdirSync(directory).find((name) => name.endsWith('-runner.jar')) ?? ''
  const classPath = [join(directory, runner), join(directory, 'config', 'lib'), join(directory, 'lib', '*')].join(delimiter)
  const settings = { ...addresses(options), 'quarkus.http.port': String(await freePort()), 'quarkus.log.console.stderr': 'true', ...options.settings }
  const server = createServerProcess(java, {
    spawn: { cwd: home },
    readyLine: 'Processing messages',
    ...(options.onLog === undefined ? {} : { onLog: options.onLog }),
  })
  const properties = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)
  const start = (): Promise<void> => server.start([...JAVA_OPTIONS, ...properties, '-cp', classPath, 'io.debezium.server.Main'])
  await start()
  return {
    get pid() {
      return server.pid
    },
    start,
    kill: () => server.end('SIGKILL'),
    async stop() {
      await server.end('SIGTERM')
      rmSync(home, { recursive: true, force: true })
    },
  }
}

function addresses({ postgresUrl, redisUrl }: DebeziumOptions): Record<string, string> {
  const postgres = new URL(postgresUrl)
  const redis = new URL(redisUrl).host
  return {
    'debezium.source.database.hostname': postgres.hostname,
    'debezium.source.database.port': postgres.port,
    'debezium.source.database.user': decodeURIComponent(postgres.username),
    'debezium.source.database.password': decodeURIComponent(postgres.password),
    'debezium.source.database.dbname': postgres.pathname.slice(1),
    'debezium.sink.redis.address': redis,
    'debezium.source.offset.storage.redis.address': redis,
  }
}

function findJava(): string | undefined {
  const homes = [process.env['JAVA_HOME'], ...installed('/usr/lib/jvm'), ...installed('/opt/java')]
  const programs = homes.filter((home) => home !== undefined).map((home) => join(home, 'bin', 'java'))
  return [...programs, 'java'].find((program) => javaVersion(program) >= MIN_JAVA)
}

function installed(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : []
}

function javaVersion(program: string): number {
  const { stderr } = spawnSync(program, ['-version'], { encoding: 'utf8' })
  return Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0)
}
