import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { createLiveClient } from '@zenstack-live/react'
import { freePort, startPostgres, type PostgresServer } from '@zenstack-live/testing'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { schema as liteSchema } from '../app/zenstack/schema-lite.ts'
import { schema } from '../app/zenstack/schema.ts'
import { countChangedLines } from './support/count-changed-lines.ts'
import { runProgram, type Program } from './support/run-program.ts'

const MOST_CHANGED_LINES = 15
const example = join(import.meta.dirname, '..')
const bin = join(example, 'node_modules/zenstack-live/src/bin.ts')
const tsc = join(dirname(createRequire(join(example, '../../package.json')).resolve('typescript/package.json')), 'bin/tsc')
const run = promisify(execFile)

const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-existing-'))
const before = join(directory, 'before')
const after = join(directory, 'after')
// Of its own: the app takes the default slot, and slots belong to the whole server.
let postgres: PostgresServer
let databaseUrl: string
let pool: pg.Pool
const programs: Program[] = []

beforeAll(async () => {
  for (const copy of [before, after]) {
    cpSync(join(example, 'app'), copy, { recursive: true })
    symlinkSync(join(example, 'node_modules'), join(copy, 'node_modules'), 'dir')
  }
  // Inside a repository, as who cloned this one is: there `git apply` skips everything, and says nothing.
  await run('git', ['init', '--quiet', directory])
  cpSync(join(example, 'live.diff'), join(directory, 'live.diff'))
  await run('sh', ['-c', applyingCommand()], { cwd: after })
  postgres = await startPostgres()
  databaseUrl = await postgres.createDatabase()
  pool = new pg.Pool({ connectionString: databaseUrl })
  pool.on('error', () => {})
  await new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$pushSchema()
  await pool.query(`INSERT INTO "User" (id, name) VALUES ('ann', 'Ann'), ('bob', 'Bob')`)
})
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.end()))
})
afterAll(async () => {
  await pool.end()
  await postgres.stop()
  rmSync(directory, { recursive: true, force: true })
})

describe('an existing app', () => {
  it('becomes live in at most fifteen changed lines, dependencies included', () => {
    const count = countChangedLines(readFileSync(join(example, 'live.diff'), 'utf8'))
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThanOrEqual(MOST_CHANGED_LINES)
  })

  it('gets these lines by the command of the README, in a clone too', () => {
    expect(readFileSync(join(after, 'src/server.ts'), 'utf8')).toContain('new ZenStackLive({ client: db })')
  })

  it.each(['before', 'after'])('compiles %s', async (name) => {
    const output = await run(process.execPath, [tsc, '-p', '.', '--customConditions', '@zenstack-live/source', '--pretty', 'false'], {
      cwd: join(directory, name),
    }).then(
      () => '',
      (error: unknown) => String((error as { stdout?: string }).stdout ?? error),
    )
    // The packages are read as sources here, and were written for stricter settings than an app has.
    expect(output.split('\n').filter((line) => line !== '' && !line.startsWith('..') && !line.startsWith(' '))).toEqual([])
  })

  it('is served by `zenstack-live dev` as it is, which asks before it changes the database', async () => {
    const env = { DATABASE_URL: databaseUrl }
    const refused = start(bin, ['dev'], { cwd: before, env })
    await refused.line(/Nobody is here to ask/)
    expect(await refused.ended).toBe(1)
    expect(refused.lines.join('\n')).toContain('ALTER TABLE "public"."Task" REPLICA IDENTITY FULL')
    const { rows } = await pool.query('SELECT count(*)::int AS publications FROM pg_publication')
    expect(rows).toEqual([{ publications: 0 }])

    const dev = start(bin, ['dev', '--yes', '--as', '{"id":"ann"}', '--port', '0'], { cwd: before, env })
    const url = /'(http[^']+)'/.exec(await dev.line(/curl/))?.[1] ?? ''
    expect(url).toMatch(/\/api\/live\/task\/findMany$/)
    await dev.line(/createLiveClient/)
    const stream = follow(await fetch(url, { headers: { accept: 'text/event-stream', origin: 'http://localhost:5173' } }))
    await stream.until('event: ready')
    await pool.query(`INSERT INTO "Task" (title, "ownerId") VALUES ('kept by bob', 'bob'), ('seen by ann', 'ann')`)
    await stream.until('seen by ann')
    expect(stream.text()).not.toContain('kept by bob')
    await dev.line(/● create {3}public\.Task \{"id":\d+\}/)
    await stream.close()
    expect(await dev.end()).toBe(0)
  })

  it('has a row of plain SQL on the page once the lines are in it, and what the policies keep not', async () => {
    await pool.query(`DELETE FROM "Task"`)
    await pool.query(`INSERT INTO "Task" (title, "ownerId") VALUES ('mine', 'ann')`)
    const port = await freePort()
    const server = start('src/server.ts', [], { cwd: after, env: { DATABASE_URL: databaseUrl, PORT: String(port) } })
    await server.line(/localhost/)
    const origin = `http://127.0.0.1:${port}`
    const signedIn = await fetch(`${origin}/api/session`, { method: 'POST', body: JSON.stringify({ name: 'Ann' }) })
    const cookie = signedIn.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    const live = createLiveClient(liteSchema, { endpoint: `${origin}/api/live`, identity: () => 'ann', headers: { cookie } })
    const titles = live.task.findMany({ include: { owner: true }, orderBy: { id: 'asc' } })
    const seen = await new Promise<string[]>((resolve) => {
      let isWritten = false
      const unsubscribe = live.subscribe(titles, ({ data }) => {
        const lines = data?.map(({ title, owner }) => `${title} (${owner.name})`) ?? []
        if (lines.length === 1 && !isWritten) {
          isWritten = true
          void pool.query(`INSERT INTO "Task" (title, "ownerId", "isShared") VALUES ('secret', 'bob', false), ('shared', 'bob', true)`)
        }
        if (lines.length < 2) return
        unsubscribe()
        resolve(lines)
      })
    })
    expect(seen).toEqual(['mine (Ann)', 'shared (Bob)'])
    live.$close()
  })
})

/** What the README tells to run. */
function applyingCommand(): string {
  const readme = readFileSync(join(example, 'README.md'), 'utf8')
  return /^.*\blive\.diff(?= && npm install$)/m.exec(readme)?.[0] ?? ''
}

/** Runs a program that a test which fails does not leave behind. */
function start(...program: Parameters<typeof runProgram>): Program {
  const started = runProgram(...program)
  programs.push(started)
  return started
}

/** Reads the text of a stream. */
function follow(response: Response): { text(): string; until(part: string): Promise<void>; close(): Promise<void> } {
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader()
  const decoder = new TextDecoder()
  let text = ''
  return {
    text: () => text,
    async until(part) {
      while (!text.includes(part)) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`The stream ended without "${part}": ${text}`)
        text += decoder.decode(value, { stream: true })
      }
    },
    close: () => reader.cancel(),
  }
}
