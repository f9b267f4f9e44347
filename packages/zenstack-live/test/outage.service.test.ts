import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres, type PostgresServer } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { Hono } from 'hono'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { ZenStackLive, type LiveLogger } from 'zenstack-live'
import { createHonoLiveHandler } from 'zenstack-live/hono'

const PATIENT = { timeout: 60_000 }
const SILENT: LiveLogger = { info: () => {}, warn: () => {}, error: () => {} }

describe.each(['embedded', 'redis'] as const)('Postgres crashes and comes back, with the %s log', (kind) => {
  let postgres: PostgresServer
  let url: string
  let pool: pg.Pool
  let live: ZenStackLive
  let app: Hono
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-outage-'))
  const bob = () =>
    new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin()).$setAuth({ id: 'bob', role: 'MEMBER' })

  beforeAll(async () => {
    // What was committed has to be there after the crash.
    postgres = await startPostgres({ settings: { fsync: 'on' } })
    url = await postgres.createDatabase()
    pool = new pg.Pool({ connectionString: url })
    pool.on('error', () => {})
    const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
    await db.$pushSchema()
    await db.user.create({ data: { id: 'bob', name: 'Bob' } })
    const redis = kind === 'redis' ? { redis: { url: inject('redisUrl'), name: `outage:${directory.slice(-6)}` } } : {}
    live = new ZenStackLive({ client: db.$use(new PolicyPlugin()), database: { url }, setUp: true, directory, logger: SILENT, ...redis })
    app = new Hono().use('/api/live/*', createHonoLiveHandler({ live, getClient: bob }))
  })
  afterAll(async () => {
    await live.close()
    await pool.end()
    await postgres.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  /** Opens a stream, and gives all of it that has come so far. */
  const open = async (args: object): Promise<() => string> => {
    const path = `/api/live/note/findMany?q=${encodeURIComponent(JSON.stringify(args))}`
    const response = await app.request(path, { headers: { accept: 'text/event-stream' } })
    let text = ''
    void (async () => {
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
    })()
    return () => text
  }
  const countOf = (text: string, part: string): number => text.split(part).length - 1

  it('goes on with every stream where it was; who asks meanwhile is told to come back', async () => {
    const handled: string[] = []
    live.handle({ model: 'Note', id: 'outage', start: 'now', created: {} }, async ({ created }) => void handled.push(created['body'] as string))
    const [decided, asked] = [await open({}), await open({ include: { owner: true } })]
    await vi.waitFor(
      () => expect([decided(), asked()]).toEqual([expect.stringContaining('event: ready'), expect.stringContaining('event: ready')]),
      PATIENT,
    )
    await bob().note.create({ data: { ownerId: 'bob', body: 'before it' } })
    await vi.waitFor(() => expect([decided(), asked(), handled.join()]).toEqual(Array(3).fill(expect.stringContaining('before it'))), PATIENT)

    await postgres.kill()
    const meanwhile = await open({})
    await vi.waitFor(() => expect(meanwhile()).toMatch(/retry: \d+[^]*event: bye/), PATIENT)
    expect((await app.request('/api/live/note/findMany')).status).toBe(503)
    await postgres.start()

    await vi.waitFor(() => bob().note.create({ data: { ownerId: 'bob', body: 'after it' } }), PATIENT)
    await vi.waitFor(() => expect([decided(), asked(), handled.join()]).toEqual(Array(3).fill(expect.stringContaining('after it'))), PATIENT)
    for (const text of [decided(), asked()])
      expect([countOf(text, 'event: snapshot'), countOf(text, 'event: reset'), countOf(text, 'before it')]).toEqual([1, 0, 1])
    expect(handled).toEqual(['before it', 'after it'])
  })
  it('lets a server that was started before it begin when it is there', async () => {
    await postgres.shutDown()
    const name = `early_${kind}`
    const early = new ZenStackLive({
      client: bob(),
      database: { url },
      slot: name,
      publication: name,
      setUp: true,
      directory: join(directory, 'early'),
      logger: SILENT,
      ...(kind === 'redis' ? { redis: { url: inject('redisUrl'), name: `early:${directory.slice(-6)}` } } : {}),
    })
    try {
      const its = new Hono().use('/api/live/*', createHonoLiveHandler({ live: early, getClient: bob }))
      expect((await its.request('/api/live/note/findMany')).status).toBe(503)
      await postgres.start()
      await vi.waitFor(async () => expect((await its.request('/api/live/note/findMany')).status).toBe(200), PATIENT)
    } finally {
      await early.close()
    }
  })
})
