import { join } from 'node:path'
import { createSseDecoder, positionLsn, parseLsn, COMMIT_POSITION_HEADER } from '@zenstack-live/protocol'
import { setUpCapture } from '@zenstack-live/cdc'
import { createDatabase, findDebezium, startDebezium, startRedis, type DebeziumServer, type RedisServer } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { Hono } from 'hono'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { ZenStackLive } from 'zenstack-live'
import { commitPosition, createHonoLiveHandler } from 'zenstack-live/hono'

/*
 * The whole way of a write on Debezium Server instead of our capture, where Java and its distribution are at hand (docs/debezium.md).
 */

const SETTINGS = join(import.meta.dirname, '../../../debezium/application.properties')
const TABLES = ['User', 'Space', 'Member', 'Task', 'Comment', 'Note'].map((name) => ({ schema: 'public', name }))

describe.skipIf(findDebezium() === undefined)('ZenStackLive on a live Debezium Server', { timeout: 240_000 }, () => {
  let url: string
  let pool: pg.Pool
  let live: ZenStackLive
  let debezium: DebeziumServer
  let redis: RedisServer
  let app: Hono

  beforeAll(async () => {
    const program = findDebezium()
    if (program === undefined) throw new Error('Debezium Server went away.')
    url = await createDatabase(inject('postgresUrl'))
    redis = await startRedis()
    const slot = `dbz_${new URL(url).pathname.slice(1)}`
    pool = new pg.Pool({ connectionString: url })
    pool.on('error', () => {})
    const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin())
    await db.$unuseAll().$pushSchema()
    await db.$unuseAll().user.create({ data: { id: 'bob', name: 'Bob' } })
    // The slot is Debezium's own; the publication is the one that both read.
    await setUpCapture({ url, tables: TABLES, slot })
    await pool.query('SELECT pg_drop_replication_slot($1)', [slot])
    debezium = await startDebezium({
      program,
      settingsFile: SETTINGS,
      postgresUrl: url,
      redisUrl: redis.url,
      settings: { 'debezium.source.slot.name': slot },
    })
    live = new ZenStackLive({ client: db, database: { url }, redis: { url: redis.url }, capture: false })
    const getClient = () => db.$setAuth({ id: 'bob', role: 'MEMBER' })
    app = new Hono()
    app.use('/api/live/*', createHonoLiveHandler({ live, getClient }))
    app.use('/api/model/*', commitPosition(live), async (c) => {
      await getClient().note.create({ data: { ownerId: 'bob', body: await c.req.text() } })
      return c.json({})
    })
  }, 240_000)

  afterAll(async () => {
    await live.close()
    await debezium.stop()
    await redis.stop()
    await pool.query(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active`)
    await pool.end()
  })

  const write = async (body: string): Promise<bigint> => {
    const response = await app.request('/api/model/note/create', { method: 'POST', body })
    return parseLsn(response.headers.get(COMMIT_POSITION_HEADER) ?? '')
  }

  it('brings a write to a stream, says where it ends, and repeats nothing when Debezium is killed and sends again', async () => {
    const reader = follow(await app.request('/api/live/note/findMany', { headers: { accept: 'text/event-stream' } }))
    await reader.until(({ text }) => text.includes('event: ready'))
    const first = await write('the first')
    await reader.until(({ text, lastId }) => text.includes('the first') && (positionLsn(lastId) ?? 0n) >= first)
    await debezium.kill()
    await write('while it was dead')
    await debezium.start()
    const last = await write('the last')
    await reader.until(({ text, lastId }) => text.includes('the last') && (positionLsn(lastId) ?? 0n) >= last)
    await reader.close()
    for (const body of ['the first', 'while it was dead', 'the last']) expect(reader.state().text.split(`"${body}"`)).toHaveLength(2)
    expect(reader.state().text).not.toContain('event: reset')
  })

  it('goes on where a reader was', async () => {
    const first = follow(await app.request('/api/live/note/findMany', { headers: { accept: 'text/event-stream' } }))
    await first.until(({ lastId }) => lastId !== '')
    await first.close()
    await write('while it was away')
    const headers = { accept: 'text/event-stream', 'last-event-id': first.state().lastId }
    const second = follow(await app.request('/api/live/note/findMany', { headers }))
    await second.until(({ text }) => text.includes('while it was away'))
    await second.close()
    expect(second.state().text).not.toMatch(/event: (snapshot|reset)/)
  })
})

interface StreamState {
  text: string
  lastId: string
}

function follow(response: Response): { state(): StreamState; until(found: (state: StreamState) => boolean): Promise<void>; close(): Promise<void> } {
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader()
  const [decoder, sse, state] = [new TextDecoder(), createSseDecoder(), { text: '', lastId: '' }]
  return {
    state: () => state,
    async until(found) {
      while (!found(state)) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`The stream ended: ${state.text}`)
        const piece = decoder.decode(value, { stream: true })
        state.text += piece
        for (const block of sse.feed(piece)) state.lastId = block.lastEventId ?? state.lastId
      }
    },
    close: () => reader.cancel(),
  }
}
