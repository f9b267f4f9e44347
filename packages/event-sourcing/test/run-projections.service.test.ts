import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEventClient, defineProjection } from '../src/index.ts'
import { openShop, type Shop } from './support/postgres.ts'
import { CART_TYPES, shopEvents, shopProjections, type ShopEvent, type ShopInput } from './support/shop.ts'

// A product for each cart: two carts that shared one would share its lock.
const added = (cartId: string): ShopInput => ({ type: 'ItemAdded', data: { cartId, productId: `pen for ${cartId}`, quantity: 1 } })
const countOf = (name: string, version = 1) =>
  defineProjection({
    name,
    version,
    query: { types: CART_TYPES, by: 'cartId' },
    initial: () => ({ count: 0 }),
    evolve: ({ count }, _event: ShopEvent) => ({ count: count + 1 }),
  })

describe('projections that are kept', () => {
  let shop: Shop
  beforeAll(async () => {
    shop = await openShop({ poolSize: 24 })
  })
  afterAll(() => shop.close())

  const countsOf = async (name: string, version = 1): Promise<Record<string, number>> =>
    Object.fromEntries((await shop.client.findProjected(countOf(name, version))).map(({ id, state }) => [id, state.count]))

  it('count every event once with several workers, of which some are ended in between', async () => {
    const projection = countOf('workers')
    const stops = Array.from({ length: 4 }, () => new AbortController())
    const small = shop.clientWith({ limits: { pageSize: 7, maxPollIntervalMs: 20 } })
    const running = stops.map(({ signal }) => small.runProjections([projection], { signal }))
    let position = 0
    for (let count = 0; count < 100; count++) {
      ;({ position } = await shop.client.append(added(`w${count % 5}`)))
      if (count === 30) stops[0]?.abort()
      if (count === 60) stops[1]?.abort()
    }
    await shop.client.waitFor(projection, position)
    for (const stop of stops) stop.abort()
    await Promise.all(running)
    const counts = await countsOf('workers')
    expect(['w0', 'w1', 'w2', 'w3', 'w4'].map((id) => counts[id])).toEqual([20, 20, 20, 20, 20])
  })

  it('apply nothing twice when the database fails between the rows and the checkpoint', async () => {
    const projection = countOf('crashing')
    const failures = { left: 3 }
    const failing = new Proxy(shop.db, {
      get(target, name): unknown {
        const member: unknown = Reflect.get(target, name)
        if (name !== 'transaction') return typeof member === 'function' ? member.bind(target) : member
        return (run: (tx: unknown) => Promise<unknown>) =>
          target.transaction(async (tx) => {
            await run(tx)
            // The rows are written, the commit is not: as when the process dies here.
            if (failures.left-- > 0) throw new Error('died before the commit')
          })
      },
    })
    const client = createEventClient<ShopEvent['type'], ShopEvent>(failing, shopEvents, shopProjections, { limits: { maxPollIntervalMs: 20 } })
    const stop = new AbortController()
    const errors: unknown[] = []
    const { position } = await shop.client.append([added('crash'), added('crash')])
    const running = client.runProjections([projection], { signal: stop.signal, onError: (error) => errors.push(error) })
    await shop.client.waitFor(projection, position)
    stop.abort()
    await running
    expect(errors).toHaveLength(3)
    expect((await countsOf('crashing'))['crash']).toBe(2)
  })

  it('wait for an append that is still open, and miss nothing of it', async () => {
    const projection = countOf('late')
    const stop = new AbortController()
    const running = shop.client.runProjections([projection], { signal: stop.signal })
    await shop.db.transaction(async (tx) => {
      await shop.client.saveEvent(added('late-a'), tx)
      const { position } = await shop.client.append(added('late-b'))
      await expect(shop.client.waitFor(projection, position, { timeoutMs: 80 })).rejects.toMatchObject({ code: 'wait_timed_out' })
    })
    const { position } = await shop.client.append(added('late-b'))
    await shop.client.waitFor(projection, position)
    stop.abort()
    await running
    const counts = await countsOf('late')
    expect([counts['late-a'], counts['late-b']]).toEqual([1, 2])
  })

  it('inline, are undone together with the append, and lose no event of two that meet in one row', async () => {
    const byProduct = defineProjection({
      name: 'by-product',
      query: { types: ['ItemAdded'], by: 'productId' },
      initial: () => ({ count: 0 }),
      evolve: ({ count }, _event: ShopEvent) => ({ count: count + 1 }),
    })
    const client = shop.clientWith({ inline: [byProduct] })
    await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        client.saveEvent({ type: 'ItemAdded', data: { cartId: `i${index}`, productId: 'shared', quantity: 1 } }),
      ),
    )
    const undone = shop.db.transaction(
      async (tx) => (await client.saveEvent({ type: 'ItemAdded', data: { cartId: 'x', productId: 'shared', quantity: 1 } }, tx), tx.rollback()),
    )
    await expect(undone).rejects.toThrow()
    await expect(
      client.append({ type: 'ItemAdded', data: { cartId: 'x', productId: 'shared', quantity: 1 } }, { condition: { failIfEventsMatch: {} } }),
    ).rejects.toMatchObject({ code: 'concurrency_conflict' })
    expect(await client.findProjected(byProduct, {})).toMatchObject([{ id: 'shared', state: { count: 16 } }])
  })

  it('inline, are rebuilt while appends go on, and miss none', async () => {
    const inline = countOf('inline-rebuilt')
    const client = shop.clientWith({ inline: [inline] })
    await client.saveEvents([added('r'), added('r')])
    await shop.pool.query(`UPDATE shop.views SET data = '{"count": 999}' WHERE type = 'inline-rebuilt@1'`)
    const writing = Promise.all(Array.from({ length: 12 }, () => client.saveEvent(added('r'))))
    await client.rebuild(inline)
    await writing
    expect((await countsOf('inline-rebuilt'))['r']).toBe(14)
  })

  it('of a new version stand beside those of the old one', async () => {
    await shop.client.saveEvent(added('versioned'))
    await shop.client.rebuild(countOf('versioned', 1))
    await shop.client.saveEvent(added('versioned'))
    await shop.client.rebuild(countOf('versioned', 2))
    expect([(await countsOf('versioned', 1))['versioned'], (await countsOf('versioned', 2))['versioned']]).toEqual([1, 2])
  })

  it('refuse a projection whose events name no id', async () => {
    const mixed = defineProjection({
      name: 'mixed',
      query: [{ types: ['ItemAdded'], by: 'cartId' }, { types: ['StockCounted'] }],
      initial: () => 0,
      evolve: (count: number, _event: ShopEvent) => count + 1,
    })
    await expect(shop.client.runProjections([mixed], { signal: new AbortController().signal })).rejects.toThrow(TypeError)
    await expect(shop.client.rebuild(mixed)).rejects.toThrow(TypeError)
    expect(() => shop.clientWith({ inline: [mixed] })).toThrow(TypeError)
    await expect(shop.client.project(mixed, 'some')).resolves.toBeDefined()
  })

  it('give up on a snapshot that cannot be settled in time, and save it another time', async () => {
    const impatient = shop.clientWith({ limits: { settleTimeoutMs: 30 } })
    const byUser = defineProjection({
      name: 'by-user',
      query: { types: ['CartCreated'], by: 'userId' },
      initial: () => ({ count: 0 }),
      evolve: ({ count }, _event: ShopEvent) => ({ count: count + 1 }),
      snapshotEvery: 1,
    })
    await impatient.saveEvent({ type: 'CartCreated', data: { cartId: 's', userId: 'settler' } })
    await shop.db.transaction(async (tx) => {
      await tx.execute(sql`INSERT INTO shop.events (id, type, data) VALUES ('open', 'Other', '{}')`)
      await expect(impatient.project(byUser, 'settler')).resolves.toMatchObject({ state: { count: 1 } })
      expect(await impatient.findProjected(byUser)).toEqual([])
    })
    await impatient.project(byUser, 'settler')
    expect(await impatient.findProjected(byUser)).toMatchObject([{ id: 'settler', state: { count: 1 } }])
  })
})
