import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from '@playwright/test'
import { findBrowser, freePort, startPostgres, type PostgresServer } from '@zenstack-live/testing'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { catalogVersions, root, run } from './pack.ts'
import { startGroup } from './start-group.ts'

const PATIENCE = { timeout: 90_000, interval: 250 }
/** Next.js is large, to install and to build. */
const SET_UP_MS = 1_200_000

const { path: browserPath } = findBrowser(() => {})

/** The example as one who copied it has it: packages from tarballs, built by Next, and looked at with a browser. */
describe.skipIf(browserPath === undefined)('a Next.js app', () => {
  const base = mkdtempSync(join(tmpdir(), 'zenstack-live-next-'))
  const app = join(base, 'app')
  let postgres: PostgresServer
  let sql: pg.Client
  let endServer: (() => Promise<void>) | undefined
  let browser: Browser
  let origin: string

  beforeAll(async () => {
    cpSync(join(root, 'examples/next-app'), app, { recursive: true })
    const manifest = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')) as Record<'dependencies' | 'devDependencies', Record<string, string>>
    const known = catalogVersions()
    for (const wanted of [manifest.dependencies, manifest.devDependencies]) {
      for (const name of Object.keys(wanted)) wanted[name] = known[name] ?? wanted[name] ?? 'latest'
    }
    for (const [name, file] of Object.entries(inject('tarballs'))) manifest.dependencies[name] = `file:${file}`
    writeFileSync(join(app, 'package.json'), JSON.stringify(manifest))
    await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], app)
    await run(process.execPath, ['node_modules/next/dist/bin/next', 'build'], app, { NEXT_TELEMETRY_DISABLED: '1' })

    postgres = await startPostgres()
    const databaseUrl = await postgres.createDatabase()
    sql = new pg.Client(databaseUrl)
    await sql.connect()
    await sql.query(
      `CREATE TABLE "Task" (id serial PRIMARY KEY, title text NOT NULL, "createdAt" timestamp(3) NOT NULL DEFAULT now(), "ownerId" text NOT NULL)`,
    )
    await sql.query(
      `INSERT INTO "Task" (title, "createdAt", "ownerId") VALUES ('Prune the roses', '2026-01-02 03:04:05.678', 'ann'), ('For Bob', now(), 'bob')`,
    )
    const port = await freePort()
    origin = `http://127.0.0.1:${port}`
    const env = { ...process.env, NODE_OPTIONS: '', DATABASE_URL: databaseUrl, NEXT_TELEMETRY_DISABLED: '1' }
    endServer = startGroup(process.execPath, ['node_modules/next/dist/bin/next', 'start', '-p', String(port)], { cwd: app, env })
    browser = await chromium.launch({ executablePath: browserPath ?? '', args: ['--no-sandbox', '--disable-gpu'] })
    await vi.waitUntil(async () => (await htmlFor('ann').catch(String)).includes('Prune the roses'), PATIENCE)
  }, SET_UP_MS)

  afterAll(async () => {
    // Asked politely, it would wait for streams to end.
    await endServer?.()
    await browser?.close()
    await sql?.end()
    await postgres?.stop()
    rmSync(base, { recursive: true, force: true })
  })

  async function htmlFor(user: string): Promise<string> {
    return (await fetch(origin, { headers: { cookie: `user=${user}` } })).text()
  }

  it('is rendered on the server as the visitor', async () => {
    expect(await htmlFor('ann')).not.toContain('For Bob')
    expect(await htmlFor('bob')).toContain('For Bob')
  })

  it('shows that at once, goes on from there without a snapshot, and follows what anyone writes', async () => {
    const context = await browser.newContext()
    await context.addCookies([{ name: 'user', value: 'ann', url: origin }])
    const page = await context.newPage()
    const [asked, errors]: [string[], string[]] = [[], []]
    page.on('request', (request) => {
      if (request.url().includes('/api/')) asked.push(`${request.method()} ${new URL(request.url()).pathname}`)
    })
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) errors.push(message.text())
    })
    page.on('pageerror', (error) => void errors.push(String(error)))
    const streamed = await listenToStreams(page)
    await page.goto(origin)
    const text = (): Promise<string> => page.innerText('main')
    expect(await text()).toContain('Prune the roses, 2026-01-02T03:04:05.678Z')
    await expect.poll(text, PATIENCE).toContain('🔴')
    expect(asked).toEqual(['POST /api/live'])
    expect(await streamed()).toContain('event: ready')
    expect(await streamed()).not.toContain('event: snapshot')

    await sql.query(`INSERT INTO "Task" (title, "ownerId") VALUES ('Sweep the path', 'ann')`)
    await expect.poll(text, PATIENCE).toContain('Sweep the path')
    await page.getByRole('button', { name: 'Add' }).click()
    await expect.poll(text, PATIENCE).toContain('Water the plants')
    await expect.poll(() => sql.query(`SELECT 1 FROM "Task" WHERE title = 'Water the plants'`).then(({ rowCount }) => rowCount), PATIENCE).toBe(1)
    expect(asked).toEqual(['POST /api/live', 'POST /api/model/task/create'])
    expect(errors).toEqual([])
    await context.close()
  })
})

/** What the page's streams bring from now on. */
async function listenToStreams(page: Page): Promise<() => Promise<string>> {
  await page.addInitScript(`{
    const plain = globalThis.fetch
    globalThis.streamed = ''
    globalThis.fetch = async (...request) => {
      const response = await plain(...request)
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response
      const [ours, theirs] = response.body.pipeThrough(new TextDecoderStream()).tee()
      void ours.pipeTo(new WritableStream({ write: (text) => void (globalThis.streamed += text) })).catch(() => {})
      return new Response(theirs.pipeThrough(new TextEncoderStream()), response)
    }
  }`)
  return () => page.evaluate<string>('streamed')
}
