import type { LiveClient } from '@zenstack-live/edge'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPoliciedDatabase, type PoliciedDatabase } from './support/policied-database.ts'
import { openGet, openStream, wire, type TestStream } from './support/read-stream.ts'
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
  text String @default('')
  offer Offer @relation(fields: [offerId], references: [id])
  @@allow('read', offer.starts <= now())
}`
const OFFERS = wire('Offer', 'findMany', { where: { shop: 1 } })
const HINTS = wire('Hint', 'findMany')
/** Nothing is asked again for want of knowing: it would be after an hour. */
const SELDOM = { requeryNowMs: 60 * 60_000 }

describe('a query whose policies read now()', () => {
  let database: PoliciedDatabase
  let running: RunningEdge
  let stream: TestStream
  let isLogFree: Promise<void> = Promise.resolve()
  const sql: PoliciedDatabase['sql'] = (...asked) => database.sql(...asked)
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
    database = await openPoliciedDatabase(ZMODEL)
    const { schema, url, bound } = database
    const client = bound as unknown as LiveClient
    const as = (): never => client as never
    running = await startEdge(
      { url, sql, as },
      { schema, tables: ['Offer', 'Hint'], getClient: () => client, holdLog: () => isLogFree, limits: SELDOM },
    )
  })
  afterAll(async () => {
    stream.close()
    await running.close()
    await database.close()
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
    await offer(4, 6_000, 1_000_000)
    await expect.poll(() => running.edge.metrics().requeries, { timeout: 30_000 }).toBeGreaterThan(before)
    let letLogGo = (): void => {}
    isLogFree = new Promise((resolve) => (letLogGo = resolve))
    await offer(3, 0, 1_000_000)
    const { requeries } = running.edge.metrics()
    await expect.poll(() => running.edge.metrics().requeries, { timeout: 30_000 }).toBeGreaterThan(requeries + 2)
    letLogGo()
    await stream.until(() => ids().join() === '2,3,4', 'the third and the fourth')
  })

  describe('whose changes are told', () => {
    const CHANGES = wire('Offer', '$changes')
    /** Told of offers, then away while `happen`. @returns what is told of it afterwards */
    const toldAfter = async (happen: () => Promise<unknown>): Promise<string> => {
      const request = { base: running.base, path: 'offer/$changes' }
      await running.caughtUp()
      const first = await openGet(request)
      await first.until(() => first.query(CHANGES.q).isReady, 'ready')
      await sql('SELECT pg_logical_emit_message(true, $1, $1)', ['moves the id'])
      await running.caughtUp()
      await first.until(() => first.lastEventId !== undefined, 'an id')
      const { lastEventId = '' } = first
      first.close()
      await happen()
      await running.caughtUp()
      const second = await openGet({ ...request, lastEventId })
      await offer(19, 0, 1_000_000)
      await second.until(() => second.text.includes('"id":19'), 'the last offer')
      second.close()
      await sql('DELETE FROM "Offer" WHERE id >= 10')
      await running.caughtUp()
      return second.text
    }

    it('does not tell what a row was before it began, nor that one is gone which never did', async () => {
      await offer(10, 1_000, 1_000_000, 40)
      await offer(11, 1_000, 1_000_000)
      const begun = 'SELECT FROM "Offer" WHERE id = 10 AND starts < clock_timestamp()'
      const told = await toldAfter(async () => {
        await sql('UPDATE "Offer" SET shop = 41 WHERE id = 10')
        await sql(`UPDATE "Offer" SET starts = starts + interval '1 hour' WHERE id = 11`)
        await expect.poll(() => sql(begun), { timeout: 30_000 }).toHaveLength(1)
        await sql('UPDATE "Offer" SET shop = 42 WHERE id = 10')
        await sql('DELETE FROM "Offer" WHERE id = 11')
      })
      expect(told).toContain('"shop":42')
      expect(told).not.toContain('"shop":40')
      expect(told).not.toContain('"deleted"')
    })

    it('does not tell what a row was before it began either where the database says who may read it', async () => {
      await offer(14, 1_000, 1_000_000)
      await sql(`INSERT INTO "Hint" VALUES (14, 14, 'too early')`)
      await running.caughtUp()
      const changes = wire('Hint', '$changes', { updated: {} })
      const told = await openStream({ base: running.base, queries: [changes] })
      await told.until(() => told.query(changes.q).isReady, 'ready')
      let letLogGo = (): void => {}
      isLogFree = new Promise((resolve) => (letLogGo = resolve))
      await sql(`UPDATE "Hint" SET text = 'in time' WHERE id = 14`)
      await expect.poll(() => sql('SELECT FROM "Offer" WHERE id = 14 AND starts < clock_timestamp()'), { timeout: 30_000 }).toHaveLength(1)
      letLogGo()
      await told.until(() => told.text.includes('in time'), 'the hint')
      told.close()
      expect(told.text).not.toContain('too early')
      await sql('DELETE FROM "Hint"')
      await sql('DELETE FROM "Offer" WHERE id >= 10')
    })

    it('tells what a row was that had begun, and that it is gone', async () => {
      await offer(12, -1_000, 1_000_000, 40)
      await offer(13, -1_000, 1_000_000)
      const told = await toldAfter(async () => {
        await sql('UPDATE "Offer" SET shop = 42 WHERE id = 12')
        await sql('DELETE FROM "Offer" WHERE id = 13')
      })
      expect(told).toContain('"shop":40')
      expect(told).toContain('"deleted":{"id":13}')
    })
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
