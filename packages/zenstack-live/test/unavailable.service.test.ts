import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { COMMIT_POSITION_HEADER } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { Hono } from 'hono'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { ZenStackLive, type LiveLogger } from 'zenstack-live'
import { commitPosition, createHonoLiveHandler, withCommitPosition } from 'zenstack-live/hono'
import { workspaceDatabase } from './support/workspace-database.ts'

const STREAM = { headers: { accept: 'text/event-stream' } }
const READ = { headers: { accept: 'application/json' } }
const logger = { info: () => {}, warn: () => {}, error: vi.fn<LiveLogger['error']>() }
const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-unavailable-'))

beforeEach(() => {
  logger.error.mockClear()
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true, force: true })
})

function appOf(live: ZenStackLive, client: { $schema: typeof schema; $options: object }): Hono {
  const app = new Hono()
  app.use('/api/live/*', createHonoLiveHandler({ live, getClient: () => client }))
  app.post('/api/model/*', commitPosition(live), (c) => c.json({ written: true }))
  return app
}

describe('a server that cannot start', () => {
  it.each([
    ['has no database', undefined, /DATABASE_URL/],
    ['does not reach it', 'postgres://127.0.0.1:1/none', /ECONNREFUSED/],
    ['does not reach any of its addresses', 'postgres://localhost:1/none', /ECONNREFUSED/],
  ])('because it %s says so in JSON with a code, and why in its log', async (_why, url, cause) => {
    vi.stubEnv('DATABASE_URL', url)
    const live = new ZenStackLive({ client: { $schema: schema, $options: {} }, directory, logger })
    const app = appOf(live, { $schema: schema, $options: {} })
    // A browser's own `EventSource` would not come back from the status.
    const stream = await app.request('/api/live/task/findMany', STREAM)
    expect([stream.status, await stream.text()]).toEqual([200, expect.stringMatching(/^retry: \d+\n\nevent: bye/)])
    for (const asked of [{ method: 'POST', body: '{"queries":[]}' }, READ]) {
      const response = await app.request('/api/live/task/findMany', asked)
      expect(response.status).toBe(503)
      expect(await response.json()).toEqual({ error: { code: 'database_unavailable', message: 'The database does not answer.' } })
    }
    expect(logger.error).toHaveBeenCalledWith(expect.stringContaining('could not start'), { error: expect.stringMatching(cause) })
    // What was written is written.
    const written = await app.request('/api/model/task/create', { method: 'POST' })
    expect([written.status, written.headers.get(COMMIT_POSITION_HEADER)]).toEqual([200, null])
    await live.close()
  })
})

describe('a server that is being closed', () => {
  it('sends streams elsewhere, tells readers to try again, and lets writes be', async () => {
    const database = await workspaceDatabase(inject('postgresUrl'))
    const name = `closing_${new URL(database.url).pathname.slice(-8)}`
    const pool = new pg.Pool({ connectionString: database.url })
    pool.on('error', () => {})
    const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
      .$use(new PolicyPlugin())
      .$setAuth({ id: 'ann', role: 'MEMBER' })
    const live = new ZenStackLive({ client, database: { url: database.url }, slot: name, publication: name, directory, logger })
    await live.ready()
    let letIn: (() => void) | undefined
    const door = new Promise<void>((resolve) => (letIn = resolve))
    let knocks = 0
    let isShut = false
    const app = new Hono()
    const getClient = async () => {
      knocks++
      if (isShut) await door
      return client
    }
    app.use('/api/live/*', createHonoLiveHandler({ live, getClient }))
    const handler = withCommitPosition(live, () => new Response('written'))
    expect((await app.request('/api/live/task/findMany', READ)).status).toBe(200)
    isShut = true
    // One is at the door when it closes; the others come while it closes, and after.
    const early = app.request('/api/live/task/findMany', STREAM)
    await vi.waitFor(() => expect(knocks).toBe(2), 30_000)
    const closing = live.close()
    const late = app.request('/api/live/task/findMany', STREAM)
    const lateRead = app.request('/api/live/task/findMany', READ)
    letIn?.()
    await closing
    const after = app.request('/api/live', { method: 'POST', body: '{"queries":[]}' })
    for (const response of await Promise.all([early, late, after])) {
      expect(response.status).toBe(200)
      expect(await response.text()).toMatch(/^retry: \d{4}\n\nevent: bye\ndata: \{"reason":"drain"\}/)
    }
    const read = await lateRead
    expect([read.status, await read.json()]).toEqual([503, { error: { code: 'overloaded', message: expect.any(String) } }])
    expect(await (await handler(new Request('http://app/', { method: 'POST' }))).text()).toBe('written')
    await database.sql(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${name}' AND NOT active`)
    await pool.end()
    await database.close()
  })
})
