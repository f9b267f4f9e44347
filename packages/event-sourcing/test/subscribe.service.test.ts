import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openShop, type Shop } from './support/postgres.ts'
import type { ShopInput } from './support/shop.ts'

const added = (cartId: string): ShopInput => ({ type: 'ItemAdded', data: { cartId, productId: 'pen', quantity: 1 } })

/** So seldom that what comes sooner was not found by looking again. */
const SELDOM = { limits: { minPollIntervalMs: 60_000, maxPollIntervalMs: 60_000 } }

describe('a subscription', () => {
  let shop: Shop
  let stop: AbortController
  beforeAll(async () => {
    shop = await openShop({ poolSize: 20 })
  })
  afterAll(() => shop.close())
  beforeEach(() => {
    stop = new AbortController()
  })

  /** Collects positions until it has `count`, from the present head on. */
  const collect = async (count: number, from: number, query: object = {}): Promise<number[]> => {
    const positions: number[] = []
    for await (const { position } of shop.client.subscribe({ from, query, signal: stop.signal })) {
      positions.push(position)
      if (positions.length >= count) break
    }
    return positions
  }
  const head = async (): Promise<number> => (await shop.client.saveEvent(added('marker'))).position

  it('gives an event that was drawn first and committed last its place, and holds back what is behind it', async () => {
    const from = await head()
    const connection = await shop.pool.connect()
    await connection.query('BEGIN')
    await connection.query(`INSERT INTO shop.events (id, type, data) VALUES ('late-${from}', 'ItemAdded', '{}')`)
    await shop.client.saveEvents([added('b'), added('c')])
    const collected = collect(3, from)
    await expect(Promise.race([collected, new Promise((resolve) => setTimeout(() => resolve('held back'), 80))])).resolves.toBe('held back')
    await connection.query('COMMIT')
    connection.release()
    await expect(collected).resolves.toEqual([from + 1, from + 2, from + 3])
  })

  it('passes the hole of a rolled back append without waiting for a timeout', async () => {
    const from = await head()
    await expect(shop.db.transaction(async (tx) => (await shop.client.saveEvent(added('gone'), tx), tx.rollback()))).rejects.toThrow()
    await shop.client.saveEvent(added('after'))
    const startedAt = performance.now()
    const next = shop.clientWith(SELDOM).subscribe({ from, signal: stop.signal }).next()
    await expect(next).resolves.toMatchObject({ value: { position: from + 2 } })
    expect(performance.now() - startedAt).toBeLessThan(30_000)
  })

  it('is not held up by transactions that do not write events', async () => {
    const from = await head()
    const connection = await shop.pool.connect()
    await connection.query('CREATE TABLE IF NOT EXISTS public.unrelated (id int)')
    await connection.query('BEGIN')
    await connection.query('INSERT INTO public.unrelated VALUES (1)')
    await connection.query('SELECT count(*) FROM shop.events')
    await expect(shop.db.transaction(async (tx) => (await shop.client.saveEvent(added('gone'), tx), tx.rollback()))).rejects.toThrow()
    await shop.client.saveEvent(added('after'))
    await expect(collect(1, from, { types: ['ItemAdded'] })).resolves.toEqual([from + 2])
    await connection.query('ROLLBACK')
    connection.release()
  })

  it('gives a prepared transaction its place when it is committed from another connection', async () => {
    const from = await head()
    const connection = await shop.pool.connect()
    await connection.query('BEGIN')
    await connection.query(`INSERT INTO shop.events (id, type, data) VALUES ('prepared-${from}', 'ItemAdded', '{}')`)
    await shop.client.saveEvent(added('behind'))
    const collected = collect(2, from)
    await new Promise((resolve) => setTimeout(resolve, 40))
    await connection.query(`PREPARE TRANSACTION 'p${from}'`)
    await expect(Promise.race([collected, new Promise((resolve) => setTimeout(() => resolve('held back'), 80))])).resolves.toBe('held back')
    await connection.query(`COMMIT PREPARED 'p${from}'`)
    connection.release()
    await expect(collected).resolves.toEqual([from + 1, from + 2])
  })

  it('is woken by an append of the same client, long before its next poll', async () => {
    const slow = shop.clientWith(SELDOM)
    const from = await head()
    const next = slow.subscribe({ from, signal: stop.signal }).next()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const startedAt = performance.now()
    await slow.saveEvent(added('awake'))
    await expect(next).resolves.toMatchObject({ value: { position: from + 1 } })
    expect(performance.now() - startedAt).toBeLessThan(30_000)
  })

  it('ends without an error when its signal aborts', async () => {
    const next = shop.client.subscribe({ from: await head(), signal: stop.signal }).next()
    stop.abort()
    await expect(next).resolves.toEqual({ done: true, value: undefined })
  })

  it('goes on where it was after its connection was cut', async () => {
    const from = await head()
    const collected = collect(20, from)
    for (let count = 0; count < 20; count++) {
      await vi.waitFor(() => shop.client.saveEvent(added('cut')), { timeout: 60_000 })
      if (count % 5 === 0)
        await shop.pool
          .query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle'`,
          )
          .catch(() => {})
    }
    const positions = await collected
    expect(positions).toEqual(positions.toSorted((a, b) => a - b))
    expect(new Set(positions).size).toBe(20)
  })
})
