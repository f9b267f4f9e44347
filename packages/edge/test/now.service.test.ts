import { createDatabase } from '@zenstack-live/testing'
import { loadSchema } from '@zenstack-live/testing/oracle'
import type { LiveClient } from '@zenstack-live/edge'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'

const ZMODEL = `
model Offer {
  id Int @id
  starts DateTime @db.Timestamptz
  ends DateTime @db.Timestamptz
  @@allow('read', starts <= now() && ends > now())
}`
const OFFERS = wire('Offer', 'findMany')

describe('a query whose policies read now()', () => {
  let pool: pg.Pool
  let running: RunningEdge
  let stream: TestStream
  let isLogFree: Promise<void> = Promise.resolve()
  const sql = async (text: string, parameters: unknown[] = []): Promise<Record<string, unknown>[]> => (await pool.query(text, parameters)).rows
  const ids = (): unknown[] => stream.query(OFFERS.q).rows.map(({ row }) => row['id'])
  const offer = (id: number, startsInMs: number, endsInMs: number): Promise<unknown> =>
    sql(`INSERT INTO "Offer" VALUES ($1, clock_timestamp() + $2 * interval '1 ms', clock_timestamp() + $3 * interval '1 ms')`, [
      id,
      startsInMs,
      endsInMs,
    ])

  beforeAll(async () => {
    const schema = await loadSchema(ZMODEL)
    const url = await createDatabase(inject('postgresUrl'))
    pool = new pg.Pool({ connectionString: url })
    pool.on('error', () => {})
    const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) } as never)
    await db.$pushSchema()
    const client = db.$use(new PolicyPlugin()) as unknown as LiveClient
    const as = (): never => client as never
    running = await startEdge(
      { url, sql, as },
      { schema, tables: ['Offer'], getClient: () => client, holdLog: () => isLogFree, limits: { requeryNowMs: 100 } },
    )
  })
  afterAll(async () => {
    stream.close()
    await running.close()
    await pool.end()
  })

  it('shows what begins and is rid of what ends, also while nobody writes', async () => {
    await offer(1, 0, 1_500)
    await offer(2, 1_500, 1_000_000)
    await running.caughtUp()
    stream = await openStream({ base: running.base, queries: [OFFERS] })
    await stream.until(() => stream.query(OFFERS.q).isReady, 'ready')
    await stream.until(() => ids().join() === '2', 'the second in place of the first')
  })

  it('shows what it was asked about before the log had it', async () => {
    let letLogGo = (): void => {}
    isLogFree = new Promise((resolve) => (letLogGo = resolve))
    await offer(3, 0, 1_000_000)
    const { requeries } = running.edge.metrics()
    await expect.poll(() => running.edge.metrics().requeries, { timeout: 30_000 }).toBeGreaterThan(requeries + 2)
    letLogGo()
    await stream.until(() => ids().join() === '2,3', 'the third')
  })
})
