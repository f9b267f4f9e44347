import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { keepVisiting } from './support/keep-visiting.ts'
import { runCommand } from './support/run-command.ts'
import { workspaceDatabase, type WorkspaceDatabase } from './support/workspace-database.ts'

const BIN = join(import.meta.dirname, '../src/bin.ts')
const SCHEMA = pathToFileURL(join(import.meta.dirname, '../../testing/src/generated/workspace/schema.ts')).href
// Below the package, so that the configuration finds what it imports.
const FOLDERS = join(import.meta.dirname, '../node_modules/.cache')
const STREAMS = 6
const PATIENCE = { timeout: 100_000, interval: 100 }
const TEST_TIMEOUT_MS = 400_000

describe('zenstack-live edge --workers', { timeout: TEST_TIMEOUT_MS }, () => {
  let database: WorkspaceDatabase
  let directory: string
  let edge: ChildProcess
  let url: string
  let operationsPort: number
  let slot: string

  beforeAll(async () => {
    database = await workspaceDatabase(inject('postgresUrl'))
    await database.sql(`INSERT INTO "User" (id, name) VALUES ('ann', 'Ann')`)
    mkdirSync(FOLDERS, { recursive: true })
    directory = mkdtempSync(join(FOLDERS, 'edge-workers-'))
    slot = `workers_${new URL(database.url).pathname.slice(1)}`
    writeFileSync(join(directory, 'zenstack-live.config.ts'), configText(database.url, slot))
    const setUp = await runCommand(['setup'], { config: `database: { url: '${database.url}' }, slot: '${slot}', publication: '${slot}'` })
    expect(setUp).toMatchObject({ code: 0 })
    operationsPort = await twoFreePorts()
    const args = ['edge', '--workers', '2', '--port', '0', '--operations-port', String(operationsPort), '--json']
    edge = spawn(process.execPath, ['--conditions=@zenstack-live/source', BIN, ...args], { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = edge.stdout === null ? [''] : ((await once(edge.stdout.setEncoding('utf8'), 'data')) as [string])
    url = String(Reflect.get(Object(JSON.parse(line)), 'url'))
  })
  afterAll(async () => {
    if (edge.exitCode === null) edge.kill('SIGKILL')
    await database.sql(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${slot}' AND NOT active`)
    await database.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const streamsOf = async (worker: number): Promise<number> => {
    const response = await fetch(`http://localhost:${operationsPort + worker}/metrics`).catch(() => undefined)
    const count = /^zenstack_live_connections (\d+)$/m.exec((await response?.text()) ?? '')
    return count === null ? Number.NaN : Number(count[1])
  }
  const untilServed = (streams: readonly TestStream[], text: string): Promise<boolean> =>
    vi.waitUntil(() => streams.every((stream) => stream.text.includes(text)), PATIENCE)
  const openAll = async (): Promise<TestStream[]> => {
    const streams = await Promise.all(Array.from({ length: STREAMS }, () => openStream(url)))
    await untilServed(streams, 'event: ready')
    return streams
  }
  const write = (body: string): Promise<unknown> => database.sql(`INSERT INTO "Note" ("ownerId", body, "isPublic") VALUES ('ann', '${body}', true)`)
  const workerPids = async (): Promise<number[]> =>
    (await promisify(execFile)('pgrep', ['-P', String(edge.pid)])).stdout.trim().split('\n').map(Number)

  it('shares streams between processes, each of which reads the log and is asked for its own metrics', async () => {
    const streams: TestStream[] = []
    // A few at once may all come to the one that looks first.
    const counts = await vi.waitUntil(async () => {
      streams.push(...(await openAll()))
      const found = await Promise.all([streamsOf(0), streamsOf(1)])
      return found.every((count) => count > 0) && found
    }, PATIENCE)
    expect(counts.reduce((sum, count) => sum + count)).toBe(streams.length)
    await write('seen by all')
    await untilServed(streams, 'seen by all')
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
    for (const stream of streams) stream.close()
  })

  it('starts a worker that dies again, and leaves nobody waiting who came to it', async () => {
    const [first] = await workerPids()
    const visitors = keepVisiting(`${url}/health/live`)
    await vi.waitUntil(() => visitors.answered > 100, PATIENCE)
    process.kill(first ?? 0, 'SIGKILL')
    await vi.waitUntil(async () => {
      const pids = await workerPids()
      return pids.length === 2 && !pids.includes(first ?? 0)
    }, PATIENCE)
    await visitors.stop()
    expect(visitors.left).toBe(0)
    await vi.waitUntil(async () => (await streamsOf(0)) === 0 && (await streamsOf(1)) === 0, PATIENCE)
  })

  it('replaces all workers on SIGHUP while newcomers are served, and says goodbye to streams', async () => {
    const streams = await openAll()
    const before = await workerPids()
    const visitors = keepVisiting(`${url}/health/live`)
    edge.kill('SIGHUP')
    await vi.waitUntil(async () => {
      const pids = await workerPids()
      return pids.length === 2 && pids.every((pid) => !before.includes(pid))
    }, PATIENCE)
    await vi.waitUntil(() => streams.every(({ isEnded }) => isEnded), PATIENCE)
    await visitors.stop()
    expect(visitors).toMatchObject({ cut: 0, left: 0 })
    for (const { text } of streams) expect(text).toMatch(/retry: \d+\n[^]*event: bye/)
    await vi.waitUntil(async () => !Number.isNaN((await streamsOf(0)) + (await streamsOf(1))), PATIENCE)
    const again = await openAll()
    await write('seen after it')
    await untilServed(again, 'seen after it')
    for (const stream of again) stream.close()
  })

  it('ends all of them on SIGTERM, after their streams', async () => {
    const streams = await openAll()
    const hasEnded = once(edge, 'exit')
    edge.kill('SIGTERM')
    expect(await hasEnded).toEqual([0, null])
    for (const { text } of streams) expect(text).toContain('event: bye')
  })
})

describe('zenstack-live edge', () => {
  it('refuses several workers where only one can read the log, and numbers that are none', async () => {
    const config = `getClient: () => undefined, database: { url: 'postgres://localhost:1/none' }`
    expect(await runCommand(['edge', '--workers', '2'], { config })).toMatchObject({ code: 2, notes: [expect.stringContaining('need Redis')] })
    for (const workers of ['0', '1.5', 'many', '257'])
      expect(await runCommand(['edge', '--workers', workers], { config })).toMatchObject({ code: 2, notes: [expect.stringContaining(workers)] })
  })

  it('refuses a base that is no path', async () => {
    const config = `getClient: () => undefined, database: { url: 'postgres://localhost:1/none' }`
    for (const base of ['api/live', '/api/live/', '/api/*', '/'])
      expect(await runCommand(['edge', '--base', base], { config })).toMatchObject({ code: 2, notes: [expect.stringContaining('is not a path')] })
  })
})

interface TestStream {
  readonly text: string
  readonly isEnded: boolean
  close(): void
}

async function openStream(url: string): Promise<TestStream> {
  const abort = new AbortController()
  const q = encodeURIComponent(JSON.stringify({ where: { isPublic: true } }))
  // A connection of its own: the next one may go to the other worker.
  const headers = { accept: 'text/event-stream', connection: 'close' }
  const response = await fetch(`${url}/api/live/note/findMany?q=${q}`, { headers, signal: abort.signal })
  let text = ''
  let isEnded = false
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder()
    for await (const bytes of response.body ?? []) text += decoder.decode(bytes, { stream: true })
  }
  void read()
    .catch(() => {})
    .finally(() => (isEnded = true))
  return {
    get text() {
      return text
    },
    get isEnded() {
      return isEnded
    },
    close: () => abort.abort(),
  }
}

/** The first of two in a row, below those that systems give away by themselves. */
async function twoFreePorts(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    if ((await isFree(port)) && (await isFree(port + 1))) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}

function configText(databaseUrl: string, slot: string): string {
  return `
import { schema } from '${SCHEMA}'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: '${databaseUrl}', max: 2 })
const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin())

export default {
  schema,
  getClient: () => db,
  database: { url: '${databaseUrl}' },
  redis: { url: '${inject('redisUrl')}', name: 'workers:${slot}' },
  slot: '${slot}',
  publication: '${slot}',
}
`
}
