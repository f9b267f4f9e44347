import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, startPostgres } from '@zenstack-live/testing'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { catalogVersions, root, run } from './pack.ts'

const OLDEST_NODE = '22.18.0'
const DENO_VERSION = '2.9.6'
const TYPESCRIPT_VERSIONS = ['5.9', '7']
/** A machine that does much else at the same time needs its time to start. */
const LINE_DEADLINE_MS = 90_000

const base = mkdtempSync(join(tmpdir(), 'zenstack-live-packed-'))
const app = join(base, 'app')
const runtimes = join(base, 'runtimes')
/** The oldest Node that runs the packages, and the one that runs this. */
const NODES = { [OLDEST_NODE]: join(runtimes, 'node_modules/node/bin/node'), [process.versions.node]: process.execPath }

const TABLE = `
  CREATE TABLE "Task" (id serial PRIMARY KEY, title text NOT NULL, done boolean NOT NULL DEFAULT false,
    "ownerId" text NOT NULL, note text, shared boolean NOT NULL DEFAULT false);
  ALTER TABLE "Task" REPLICA IDENTITY FULL`

const TSCONFIGS = {
  node16: { files: ['server.ts'], module: 'node16', moduleResolution: 'node16', target: 'es2022', lib: ['es2023', 'dom'], types: ['node'] },
  bundler: {
    files: ['app.tsx'],
    module: 'esnext',
    moduleResolution: 'bundler',
    target: 'es2022',
    lib: ['es2023', 'dom', 'dom.iterable'],
    types: [],
    jsx: 'react-jsx',
  },
}

/** The README's app, in an empty project, with nothing but what npm brings. */
beforeAll(async () => {
  const fromCatalog = catalogVersions()
  const versions = (...names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, fromCatalog[name] ?? 'latest']))
  cpSync(join(root, 'docs/snippets/readme'), app, { recursive: true })
  const dependencies = {
    ...Object.fromEntries(Object.entries(inject('tarballs')).map(([name, file]) => [name, `file:${file}`])),
    ...versions(
      '@hono/node-server',
      '@tanstack/react-query',
      '@zenstackhq/client-helpers',
      '@zenstackhq/orm',
      '@zenstackhq/plugin-policy',
      '@zenstackhq/schema',
    ),
    ...versions('@zenstackhq/server', '@zenstackhq/tanstack-query', 'drizzle-orm', 'hono', 'kysely', 'pg', 'react', 'react-dom', 'zod'),
    ...versions('@types/node', '@types/pg', '@types/react', '@types/react-dom', 'vite'),
    ...Object.fromEntries(TYPESCRIPT_VERSIONS.map((version) => [`typescript-${version}`, `npm:typescript@${version}`])),
  }
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module', dependencies }))
  for (const [name, { files, ...compilerOptions }] of Object.entries(TSCONFIGS)) {
    const options = { ...compilerOptions, strict: true, noEmit: true, allowImportingTsExtensions: true, skipLibCheck: false }
    writeFileSync(join(app, `tsconfig.${name}.json`), JSON.stringify({ compilerOptions: options, files }))
  }
  writeFileSync(join(app, 'index.html'), '<script type="module" src="/app.tsx"></script>')
  writeFileSync(join(app, 'subscribe.mjs'), SUBSCRIBE)
  mkdirSync(runtimes)
  writeFileSync(join(runtimes, 'package.json'), '{ "private": true }')
  await Promise.all([
    run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], app),
    run('npm', ['install', `node@${OLDEST_NODE}`, `deno@${DENO_VERSION}`, '--no-audit', '--no-fund', '--loglevel=error'], runtimes),
  ])
})

afterAll(() => rmSync(base, { recursive: true, force: true }))

describe('what users install', () => {
  for (const version of TYPESCRIPT_VERSIONS) {
    for (const resolution of Object.keys(TSCONFIGS)) {
      it(`compiles the README's app under TypeScript ${version} with ${resolution} resolution`, async () => {
        const tsc = join(app, 'node_modules', `typescript-${version}`, 'bin', 'tsc')
        expect(await ownTypeErrors([tsc, '-p', `tsconfig.${resolution}.json`, '--pretty', 'false'])).toEqual([])
      })
    }
  }

  it('builds with Vite into a bundle that holds no policy and no server code', async () => {
    await run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error'], app)
    const bundle = readdirSync(join(app, 'dist/assets'))
      .map((file) => readFileSync(join(app, 'dist/assets', file), 'utf8'))
      .join('\n')
    expect(bundle.length).toBeGreaterThan(50_000)
    for (const word of ['@@allow', '@allow', 'PolicyPlugin', 'pg_current_snapshot', 'START_REPLICATION', 'XREAD']) expect(bundle).not.toContain(word)
  })

  it.skipIf(spawnSync('cc', ['--version']).status !== 0)('compiles the socket writer, where edges find it', async () => {
    const edge = join(app, 'node_modules/@zenstack-live/edge/package.json')
    const say = `console.log(typeof require('node:module').createRequire(${JSON.stringify(edge)})('@zenstack-live/socket-writer').sendEach)`
    for (const node of Object.values(NODES)) expect((await run(node, ['-e', say], app)).trim()).toBe('function')
  })

  it('leaves an app its own versions of Hono, React and the like', () => {
    for (const name of ['zenstack-live', '@zenstack-live/edge', '@zenstack-live/react']) {
      const manifest = JSON.parse(readFileSync(join(app, 'node_modules', name, 'package.json'), 'utf8')) as {
        peerDependencies: Record<string, string>
      }
      // Of ZenStack, whose insides this reads, one version alone is known to fit.
      const others = Object.entries(manifest.peerDependencies).filter(([peer]) => !peer.startsWith('@zenstackhq/'))
      expect(others).not.toEqual([])
      for (const [peer, range] of others) expect(`${peer} ${range}`).toMatch(/ [\^~]\d/)
    }
  })

  for (const [version, node] of Object.entries(NODES)) {
    it(`receives a row that plain SQL inserted, on Node ${version}`, async () => {
      // A server of its own: slots belong to the whole server, and the app takes the default one.
      const postgres = await startPostgres()
      const databaseUrl = await postgres.createDatabase()
      const sql = new pg.Client(databaseUrl)
      await sql.connect()
      await sql.query(TABLE)
      rmSync(join(app, '.zenstack-live'), { recursive: true, force: true })
      const port = await freePort()
      const server = spawnQuietly(node, ['server.ts'], { DATABASE_URL: databaseUrl, PORT: String(port) })
      const subscriber = spawnQuietly(node, ['subscribe.mjs'], { ENDPOINT: `http://127.0.0.1:${port}/api/live` })
      try {
        expect(await subscriber.nextLine()).toBe('[]')
        await sql.query(`INSERT INTO "Task" (title, "ownerId", note) VALUES ('for bob', 'bob', 'his'), ('for ann', 'ann', 'hers')`)
        expect(JSON.parse(await subscriber.nextLine())).toEqual([
          { id: 2, title: 'for ann', done: false, ownerId: 'ann', note: 'hers', shared: false },
        ])
      } finally {
        await Promise.all([subscriber.end(), server.end()])
        await sql.end()
        await postgres.stop()
      }
    })
  }

  it('streams where there is no socket of Node to write to: on Deno', async () => {
    writeFileSync(join(app, 'deno-server.ts'), denoServer(readFileSync(join(app, 'server.ts'), 'utf8')))
    const postgres = await startPostgres()
    const databaseUrl = await postgres.createDatabase()
    const sql = new pg.Client(databaseUrl)
    await sql.connect()
    await sql.query(TABLE)
    rmSync(join(app, '.zenstack-live'), { recursive: true, force: true })
    const port = await freePort()
    const args = ['run', '--allow-all', '--no-check', 'deno-server.ts']
    const server = spawnQuietly(join(runtimes, 'node_modules/.bin/deno'), args, { DATABASE_URL: databaseUrl, PORT: String(port) })
    const origin = `http://127.0.0.1:${port}`
    const insert = (title: string): Promise<unknown> => sql.query(`INSERT INTO "Task" (title, "ownerId") VALUES ($1, 'ann')`, [title])
    const connections = async (): Promise<string | undefined> =>
      /^zenstack_live_connections (\d+)$/m.exec(await (await fetch(`${origin}/internal/metrics`)).text())?.[1]
    try {
      expect(await server.nextLine()).toBe('listening')
      const first = await openTasks(origin)
      await first.until('event: ready')
      await insert('while it is open')
      // Nothing follows that could push it out of a buffer.
      await first.until('while it is open')
      expect(await connections()).toBe('1')
      const lastEventId = first.lastEventId()
      first.close()
      await expect.poll(connections, { timeout: LINE_DEADLINE_MS }).toBe('0')
      await insert('while it was away')
      const second = await openTasks(origin, lastEventId)
      await second.until('while it was away')
      expect(second.text()).not.toMatch(/event: (snapshot|reset)|while it is open/)
      second.close()
    } finally {
      await server.end()
      await sql.end()
      await postgres.stop()
    }
  })
})

/** The README's app, on Deno's own server, and with what operators see. */
function denoServer(nodeServer: string): string {
  const text = nodeServer.replace(/^import \{ serve \}.*\n/m, `import { createHonoOperationsHandler } from 'zenstack-live/hono'\n`).replace(
    /^serve\(.*$/m,
    `app.get('/internal/*', createHonoOperationsHandler(live))
Deno.serve({ port: Number(process.env['PORT']), hostname: '127.0.0.1', onListen: () => console.log('listening') }, app.fetch)`,
  )
  if (!text.includes('Deno.serve') || text.includes('node-server')) throw new Error("The README's server is not what was expected.")
  return text
}

async function openTasks(
  origin: string,
  lastEventId?: string,
): Promise<{ until(part: string): Promise<void>; text(): string; lastEventId(): string; close(): void }> {
  const abort = new AbortController()
  const headers = { accept: 'text/event-stream', 'x-user': 'ann', ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }
  const response = await fetch(`${origin}/api/live/task/findMany`, { headers, signal: abort.signal })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    async until(part) {
      // Up to the id that ends what holds it.
      while (!new RegExp(`${part}[^]*\\nid: .*\\n\\n`).test(text)) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done) throw new Error(`The stream ended: ${text}`)
        text += value
      }
    },
    text: () => text,
    lastEventId: () => [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '',
    close: () => abort.abort(),
  }
}

/** The type errors in the app and in our own declarations; others' packages have some that are theirs to mend. */
async function ownTypeErrors(args: string[]): Promise<string[]> {
  const failure = await run(process.execPath, args, app).then(() => undefined, String)
  if (failure === undefined) return []
  const errors = failure.split('\n').filter((line) => /^(\S+\(\d+,\d+\): )?error /.test(line))
  // A compiler that did not run has no errors to show, but did not compile either.
  if (errors.length === 0) return [failure]
  return errors.filter((line) => !line.startsWith('node_modules/') || /^node_modules\/(@zenstack-live|zenstack-live)\//.test(line))
}

/** A page without a page: prints each result that the live query has. */
const SUBSCRIBE = `
import { createLiveClient } from '@zenstack-live/react'
import { schema } from './zenstack/schema-lite.ts'

const live = createLiveClient(schema, { endpoint: process.env.ENDPOINT, identity: () => 'ann', headers: { 'x-user': 'ann' } })
let last
live.subscribe(live.task.findMany({ orderBy: { id: 'asc' } }), (result) => {
  const text = JSON.stringify(result.data)
  if (text !== undefined && text !== last) console.log(text)
  last = text
})
`

function spawnQuietly(command: string, args: string[], env: Record<string, string>): { nextLine(): Promise<string>; end(): Promise<void> } {
  const child: ChildProcess = spawn(command, args, { cwd: app, env: { ...process.env, NODE_OPTIONS: '', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  let errors = ''
  let rest = ''
  let wake: (() => void) | undefined
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    wake?.()
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text))
  child.once('exit', () => wake?.())
  return {
    async nextLine() {
      const deadlineMs = Date.now() + LINE_DEADLINE_MS
      while (lines.length === 0) {
        if (child.exitCode !== null) throw new Error(`${args[0]} ended with code ${child.exitCode}:\n${errors}`)
        if (Date.now() > deadlineMs) throw new Error(`${args[0]} printed nothing for ${LINE_DEADLINE_MS / 1000} s:\n${errors}`)
        await new Promise<void>((resolve) => {
          wake = resolve
          setTimeout(resolve, 500)
        })
      }
      return lines.shift() ?? ''
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.kill('SIGTERM')
      await ended
    },
  }
}
