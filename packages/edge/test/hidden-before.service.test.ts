import { deserialize } from '@zenstackhq/client-helpers/fetch'
import { CHANGES_SEGMENT, queryId, type RowChange, type WireQuery } from '@zenstack-live/protocol'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema } from '@zenstack-live/testing/oracle'
import type { LiveClient } from '@zenstack-live/edge'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openStream, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'

const ZMODEL = `
model User { id Int @id @@auth @@allow('all', true) }
model Room { id Int @id ranks Rank[] papers Paper[] @@allow('all', true) }
model Rank { id Int @id roomId Int room Room @relation(fields: [roomId], references: [id]) userId Int rank Int @@allow('all', true) }
model Paper {
  id Int @id
  title String
  level Int
  roomId Int
  room Room @relation(fields: [roomId], references: [id])
  @@allow('read', auth() != null && room.ranks![rank >= this.level])
}`
const CHANGES: WireQuery = { model: 'Paper', operation: CHANGES_SEGMENT, args: { updated: {} } }
const Q = queryId(CHANGES)

describe('a row that its change let somebody read', () => {
  let pool: pg.Pool
  let running: RunningEdge
  let stream: TestStream
  const sql = async (text: string, parameters: unknown[] = []): Promise<Record<string, unknown>[]> => (await pool.query(text, parameters)).rows

  beforeAll(async () => {
    const schema = await loadSchema(ZMODEL)
    const url = await createDatabase(inject('postgresUrl'))
    pool = new pg.Pool({ connectionString: url })
    pool.on('error', () => {})
    const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) } as never)
    await db.$pushSchema()
    const client = db.$use(new PolicyPlugin()).$setAuth({ id: 3 }) as unknown as LiveClient
    const as = (): never => client as never
    running = await startEdge({ url, sql, as }, { schema, tables: ['User', 'Room', 'Rank', 'Paper'], getClient: () => client })
    await sql('INSERT INTO "Room" VALUES (1)')
    await sql('INSERT INTO "Rank" VALUES (1, 1, 3, 3)')
    await sql(`INSERT INTO "Paper" VALUES (1, 'kept secret', 9, 1), (2, 'plain', 1, 1)`)
  })
  afterAll(async () => {
    stream.close()
    await running.close()
    await pool.end()
  })

  it('is not shown as it was before, whatever in its rule decided that', async () => {
    stream = await openStream({ base: running.base, queries: [CHANGES] })
    await stream.until(() => stream.query(Q).isReady, 'ready')
    const told = (): RowChange[] =>
      stream.frames.flatMap((frame) => (frame.event === 'changes' && frame.q === Q ? (deserialize(frame.changes, frame.meta) as RowChange[]) : []))
    await sql(`UPDATE "Paper" SET level = 2, title = 'published' WHERE id = 1`)
    await stream.until(() => told().length === 1, 'the first')
    await sql(`UPDATE "Paper" SET title = 'plainer' WHERE id = 2`)
    await stream.until(() => told().length === 2, 'both')
    expect(stream.text).not.toContain('secret')
    expect(told().map((change) => (change.type === 'updated' ? change.updated : change.type))).toMatchObject([
      { before: null, after: { title: 'published' } },
      { before: { title: 'plain' }, after: { title: 'plainer' } },
    ])
  })
})
