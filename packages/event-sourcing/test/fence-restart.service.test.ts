import { startPostgres, type PostgresServer } from '@zenstack-live/testing'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEventClient } from '../src/index.ts'
import { openDrizzle } from './support/postgres.ts'
import { shopEvents, shopProjections } from './support/shop.ts'

describe('a subscription beside a prepared transaction', () => {
  let server: PostgresServer
  let pool: pg.Pool
  beforeAll(async () => {
    server = await startPostgres()
    pool = new pg.Pool({ connectionString: await server.createDatabase() })
    pool.on('error', () => {})
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })

  it('waits for it also when the server restarts before it is committed', async () => {
    const client = createEventClient(openDrizzle(pool), shopEvents, shopProjections, { limits: { minPollIntervalMs: 5, maxPollIntervalMs: 20 } })
    await client.install()
    const added = async (cartId: string): Promise<unknown> => client.saveEvent({ type: 'ItemAdded', data: { cartId, productId: 'pen', quantity: 1 } })
    await pool.query(`BEGIN; INSERT INTO shop.events (id, type, data) VALUES ('prepared', 'ItemAdded', '{}'); PREPARE TRANSACTION 'slow'`)
    await added('behind')
    const stop = new AbortController()
    const ids: string[] = []
    const reading = (async () => {
      for await (const { id } of client.subscribe({ query: { types: ['ItemAdded'] }, signal: stop.signal })) ids.push(id)
    })()
    await untilPolled(pool)
    await server.kill()
    await server.start()
    await added('after the restart')
    await untilPolled(pool)
    expect(ids).toEqual([])
    await pool.query(`COMMIT PREPARED 'slow'`)
    await expect.poll(() => ids.length, { timeout: 30_000 }).toBe(3)
    expect(ids[0]).toBe('prepared')
    stop.abort()
    await reading
  })
})

/** The reader has asked which writers are open, more than once. */
async function untilPolled(pool: pg.Pool): Promise<void> {
  const polls = async (): Promise<number> => {
    const { rows } = await pool.query<{ scans: string }>(`SELECT seq_scan + idx_scan AS scans FROM pg_stat_user_tables WHERE relname = 'events'`)
    return Number(rows[0]?.scans)
  }
  const before = await polls()
  await expect.poll(polls, { timeout: 30_000, interval: 100 }).toBeGreaterThan(before + 10)
}
