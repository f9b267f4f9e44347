import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { COMMIT_POSITION_HEADER, createSseDecoder, positionLsn, parseLsn } from '@zenstack-live/protocol'
import { Hono } from 'hono'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { ZenStackLive } from 'zenstack-live'
import { commitPosition, createHonoLiveHandler, withCommitPosition } from 'zenstack-live/hono'

function createClient(url: string) {
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => {})
  return { pool, db: new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin()) }
}

/** Follows a stream and gives its text so far. */
function follow(response: Response): {
  text(): string
  lastId(): string | undefined
  until(found: (text: string) => boolean): Promise<void>
  close(): Promise<void>
} {
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader()
  const decoder = new TextDecoder()
  const sse = createSseDecoder()
  let text = ''
  let lastId: string | undefined
  return {
    text: () => text,
    lastId: () => lastId,
    async until(found) {
      while (!found(text)) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`The stream ended: ${text}`)
        const piece = decoder.decode(value, { stream: true })
        text += piece
        for (const block of sse.feed(piece)) lastId = block.lastEventId
      }
    },
    close: () => reader.cancel(),
  }
}

describe.each(['embedded', 'redis'] as const)('ZenStackLive with the %s log', (kind) => {
  let url: string
  let directory: string
  let client: ReturnType<typeof createClient>
  let live: ZenStackLive

  beforeAll(async () => {
    url = await createDatabase(inject('postgresUrl'))
    client = createClient(url)
    const unprotected = client.db.$unuseAll()
    await unprotected.$pushSchema()
    await unprotected.user.create({ data: { id: 'bob', name: 'Bob' } })
    directory = mkdtempSync(join(tmpdir(), 'zenstack-live-door-'))
  })
  afterEach(async () => {
    await live.close()
  })
  afterAll(async () => {
    await client.pool.end()
    rmSync(directory, { recursive: true, force: true })
  })

  const open = (): ZenStackLive => {
    const slot = `door_${kind}`
    live = new ZenStackLive({
      client: client.db,
      database: { url },
      slot,
      publication: slot,
      setUp: true,
      directory,
      ...(kind === 'redis' ? { redis: { url: inject('redisUrl'), name: `door:${directory.slice(-6)}` } } : {}),
    })
    return live
  }

  const appOf = (): Hono => {
    const app = new Hono()
    const getClient = () => client.db.$setAuth({ id: 'bob', role: 'MEMBER' })
    app.use('/api/live/*', createHonoLiveHandler({ live, getClient }))
    app.use('/api/model/*', commitPosition(live), async (c) => {
      await getClient().note.create({ data: { ownerId: 'bob', body: await c.req.text() } })
      return c.json({})
    })
    return app
  }

  it('brings a write through the application to a stream, and says where it ends', async () => {
    open()
    const app = appOf()
    const response = await app.request('/api/live/note/findMany', { headers: { accept: 'text/event-stream' } })
    expect(response.status).toBe(200)
    const stream = follow(response)
    await stream.until((text) => text.includes('event: ready'))
    const written = await app.request('/api/model/note/create', { method: 'POST', body: 'hello' })
    const lsn = parseLsn(written.headers.get(COMMIT_POSITION_HEADER) ?? '')
    expect(written.headers.get('access-control-expose-headers')).toContain(COMMIT_POSITION_HEADER)
    await stream.until((text) => text.includes('hello') && (positionLsn(stream.lastId() ?? '') ?? 0n) >= lsn)
    await stream.close()
  })

  it('goes on after a restart of the process where the reader was', async () => {
    open()
    const first = follow(await appOf().request('/api/live/note/findMany', { headers: { accept: 'text/event-stream' } }))
    await first.until(() => (first.lastId() ?? '') !== '')
    await first.close()
    await live.close()
    await client.db.$unuseAll().note.create({ data: { ownerId: 'bob', body: 'while it was away' } })
    open()
    const headers = { accept: 'text/event-stream', 'last-event-id': first.lastId() ?? '' }
    const second = follow(await appOf().request('/api/live/note/findMany', { headers }))
    await second.until((text) => text.includes('while it was away'))
    expect(second.text()).not.toMatch(/event: (snapshot|reset)/)
    await second.close()
  })

  it('wraps any fetch-style handler, also where nothing was written', async () => {
    open()
    // The first answer would wait for it, and not for long.
    await live.edge()
    const handler = withCommitPosition(live, async () => new Response('done', { status: 201, headers: { 'x-own': '1' } }))
    const response = await handler(new Request('http://app/api', { method: 'POST' }))
    expect([response.status, response.headers.get('x-own'), await response.text()]).toEqual([201, '1', 'done'])
    const lsn = parseLsn(response.headers.get(COMMIT_POSITION_HEADER) ?? '')
    const log = await live.log()
    // The log passes the place although the database is idle.
    while (((await log.state()).newestLsn ?? 0n) < lsn) await new Promise((resolve) => setTimeout(resolve, 20))
    const read = await handler(new Request('http://app/api'))
    expect(read.headers.get(COMMIT_POSITION_HEADER)).toBeNull()
  })
})
