import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { serveEdge, type ServedEdge } from 'zenstack-live/edge'
import { workspaceDatabase, type WorkspaceDatabase } from './support/workspace-database.ts'

const BIN = join(import.meta.dirname, '../src/bin.ts')
const SCHEMA = pathToFileURL(join(import.meta.dirname, '../../testing/src/generated/workspace/schema.ts')).href

describe('an edge of its own', () => {
  let database: WorkspaceDatabase
  let directory: string
  let pool: pg.Pool
  let served: ServedEdge
  beforeAll(async () => {
    database = await workspaceDatabase(inject('postgresUrl'))
    directory = mkdtempSync(join(tmpdir(), 'zenstack-live-serve-'))
    pool = new pg.Pool({ connectionString: database.url })
    const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin())
    const slot = `serve_${directory.slice(-6).toLowerCase()}`
    served = await serveEdge(
      { schema, getClient: () => db, database: { url: database.url }, slot, publication: slot, setUp: true, directory },
      { port: 0, hostname: 'localhost' },
    )
  })
  afterAll(async () => {
    await served.close()
    await pool.end()
    await database.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const ask = async (path: string): Promise<unknown[]> => {
    const response = await fetch(`${served.url}${path}`)
    return [response.status, await response.text()]
  }

  it('says that it is ready while it takes newcomers, and why it is not', async () => {
    expect(await ask('/health')).toEqual([200, '{"isReady":true,"reasons":[],"warnings":[]}'])
    await (await served.live.edge()).drain()
    const draining = [503, '{"isReady":false,"reasons":["The edge is draining."],"warnings":[]}']
    expect(await ask('/health')).toEqual(draining)
    expect(await ask('/health/ready')).toEqual(draining)
    expect(await ask('/health/live')).toEqual([200, '{"isLive":true}'])
  })

  it('shows what it measures to nobody who merely reaches its port', async () => {
    for (const path of ['/metrics', '/health/metrics']) expect((await ask(path))[0]).toBe(404)
  })

  it('keeps connections for longer than balancers do, which would send a request just when they are closed', async () => {
    const response = await fetch(`${served.url}/health/live`)
    expect(response.headers.get('keep-alive')).toBe('timeout=75')
  })

  it('ends when it is told to, whatever its configuration left open', async () => {
    const folder = join(directory, 'command')
    const slot = `${new URL(database.url).pathname.slice(1)}_ends`
    mkdirSync(folder)
    writeFileSync(
      join(folder, 'zenstack-live.config.ts'),
      `import { schema } from '${SCHEMA}'
setInterval(() => {}, 60_000)
export default { schema, getClient: () => undefined, database: { url: '${database.url}' }, slot: '${slot}', publication: '${slot}' }`,
    )
    const args = ['--conditions=@zenstack-live/source', BIN, 'edge', '--port', '0']
    const edge = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    const hasEnded = once(edge, 'exit')
    await once(edge.stdout, 'data')
    edge.kill('SIGTERM')
    expect(await hasEnded).toEqual([0, null])
  })
})
