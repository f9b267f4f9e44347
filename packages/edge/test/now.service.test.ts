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
  shop Int @default(1)
  starts DateTime @db.Timestamptz
  ends DateTime @db.Timestamptz
  hints Hint[]
  @@allow('read', starts <= now() && ends > now())
}
model Hint {
  id Int @id
  offerId Int
  offer Offer @relation(fields: [offerId], references: [id])
  @@allow('read', offer.starts <= now())
}`
const OFFERS = wire('Offer', 'findMany', { where: { shop: 1 } })
const HINTS = wire('Hint', 'findMany')
/** Nothing is asked again for want of knowing: it would be after an hour. */
const SELDOM = { requeryNowMs: 60 * 60_000 }

describe('a query whose policies read now()', () => {
  let pool: pg.Pool
  let running: RunningEdge
  let stream: TestStream
  let isLogFree: Promise<void> = Promise.resolve()
  const sql = async (text: string, parameters: unknown[] = []): Promise<Record<string, unknown>[]> => (await pool.query(text, parameters)).rows
  const ids = (): unknown[] => stream.query(OFFERS.q).rows.map(({ row }) => row['id'])
  const offer = (id: number, startsInMs: number, endsInMs: number, shop = 1): Promise<unknown> =>
    sql(`INSERT INTO "Offer" VALUES ($1, $4, clock_timestamp() + $2 * interval '1 ms', clock_timestamp() + $3 * interval '1 ms')`, [
      id,
      startsInMs,
      endsInMs,
      shop,
    ])
  /** Time enough for what must not happen: nothing tells that it does not. */
  const aMoment = async (): Promise<void> => {
    for (let turn = 0; turn < 300; turn++) await sql('SELECT 1')
  }

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
      { schema, tables: ['Offer', 'Hint'], getClient: () => client, holdLog: () => isLogFree, limits: SELDOM },
    )
  })
  afterAll(async () => {
    stream.close()
    await running.close()
    await pool.end()
  })

  it('shows what begins and is rid of what ends, when it does, also while nobody writes', async () => {
    await offer(1, 0, 1_500)
    await offer(2, 1_500, 1_000_000)
    await running.caughtUp()
    stream = await openStream({ base: running.base, queries: [OFFERS] })
    await stream.until(() => stream.query(OFFERS.q).isReady, 'ready')
    await stream.until(() => ids().join() === '2', 'the second in place of the first')
  })

  it('asks nothing while no moment of its own rows comes', async () => {
    await running.restart({ limits: { requeryNowMs: 1 } })
    stream.close()
    await offer(7, 0, 3_000, 2)
    await running.caughtUp()
    stream = await openStream({ base: running.base, queries: [OFFERS] })
    await stream.until(() => ids().join() === '2', 'the one there is')
    await aMoment()
    const { databaseTransactions } = running.edge.metrics()
    const ended = 'SELECT FROM "Offer" WHERE id = 7 AND ends < clock_timestamp()'
    await expect.poll(() => sql(ended), { timeout: 30_000 }).toHaveLength(1)
    await aMoment()
    expect(running.edge.metrics().databaseTransactions).toBe(databaseTransactions)
    await running.restart({ limits: SELDOM })
    stream.close()
    stream = await openStream({ base: running.base, queries: [OFFERS] })
    await stream.until(() => ids().join() === '2', 'the one there is')
  })

  it('shows what it was asked about before the log had it', async () => {
    const before = running.edge.metrics().requeries
    await offer(4, 1_500, 1_000_000)
    await expect.poll(() => running.edge.metrics().requeries, { timeout: 30_000 }).toBeGreaterThan(before)
    let letLogGo = (): void => {}
    isLogFree = new Promise((resolve) => (letLogGo = resolve))
    await offer(3, 0, 1_000_000)
    const { requeries } = running.edge.metrics()
    await expect.poll(() => running.edge.metrics().requeries, { timeout: 30_000 }).toBeGreaterThan(requeries + 2)
    letLogGo()
    await stream.until(() => ids().join() === '2,3,4', 'the third and the fourth')
  })

  it("is asked every requeryNowMs where the times are those of other rows than the policies' own", async () => {
    await offer(5, 1_500, 1_000_000)
    await sql('INSERT INTO "Hint" VALUES (1, 5)')
    await running.restart({ limits: { requeryNowMs: 100 } })
    const hints = await openStream({ base: running.base, queries: [HINTS] })
    await hints.until(() => hints.query(HINTS.q).rows.length === 1, 'the hint')
    hints.close()
  })
})
