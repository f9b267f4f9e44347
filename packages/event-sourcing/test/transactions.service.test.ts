import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openShop, type Shop } from './support/postgres.ts'
import type { ShopClient } from './support/shop-models.ts'
import type { ShopInput } from './support/shop.ts'

const created = (cartId: string): ShopInput => ({ type: 'CartCreated', data: { cartId, userId: 'ann' } })
const checkedOut = (cartId: string): ShopInput => ({ type: 'CheckedOut', data: { cartId } })
const unlessCheckedOut = (cartId: string) => ({ condition: { failIfEventsMatch: { types: ['CheckedOut' as const], identifier: { cartId } } } })

describe.each([
  ['with the append function', {}],
  ['without the append function', { useAppendFunction: false }],
])("appends in a caller's transaction, %s", (_name, options) => {
  let shop: Shop
  let client: ShopClient
  let cartCount = 0
  const newCart = (): string => `cart-${++cartCount}`
  const typesOf = async (cartId: string): Promise<string[]> =>
    (await client.getEventStream(['CartCreated', 'CheckedOut'], { data: { cartId } })).map(({ type }) => type)

  beforeAll(async () => {
    shop = await openShop({ poolSize: 20 })
    client = shop.clientWith(options)
  })
  afterAll(() => shop.close())

  it('are stored when it commits and gone when it rolls back', async () => {
    const [kept, lost] = [newCart(), newCart()]
    await shop.db.transaction(async (tx) => void (await client.append(created(kept), { tx, ...unlessCheckedOut(kept) })))
    await expect(
      shop.db.transaction(async (tx) => (await client.append(created(lost), { tx, ...unlessCheckedOut(lost) }), tx.rollback())),
    ).rejects.toThrow()
    expect([await typesOf(kept), await typesOf(lost)]).toEqual([['CartCreated'], []])
  })

  it('leave it usable when they are refused', async () => {
    const cartId = newCart()
    await client.saveEvent(checkedOut(cartId))
    await shop.db.transaction(async (tx) => {
      await expect(client.append(checkedOut(cartId), { tx, ...unlessCheckedOut(cartId) })).rejects.toMatchObject({ code: 'concurrency_conflict' })
      await client.saveEvent(created(cartId), tx)
    })
    expect(await typesOf(cartId)).toEqual(['CheckedOut', 'CartCreated'])
  })

  it.each(['repeatable read', 'serializable'] as const)(
    'are refused with a condition or a key in a %s one, whose snapshot is older than the locks',
    async (isolationLevel) => {
      const cartId = newCart()
      const inOldSnapshot = (extra: object): Promise<unknown> =>
        shop.db.transaction(async (tx) => void (await client.append(created(cartId), { tx, ...extra })), { isolationLevel })
      await expect(inOldSnapshot(unlessCheckedOut(cartId))).rejects.toMatchObject({
        code: 'isolation_not_supported',
        name: 'IsolationError',
        retryable: false,
      })
      await expect(inOldSnapshot({ idempotencyKey: cartId })).rejects.toMatchObject({ code: 'isolation_not_supported' })
      expect(await typesOf(cartId)).toEqual([])
      await inOldSnapshot({})
      expect(await typesOf(cartId)).toEqual(['CartCreated'])
    },
  )

  it('are accepted in a serializable one where every writer is serializable, and only one of two wins', async () => {
    const serializable = shop.clientWith({ ...options, everyWriterIsSerializable: true })
    for (let round = 0; round < 10; round++) {
      const cartId = newCart()
      await serializable.saveEvent(created(cartId))
      const checkOut = (): Promise<unknown> =>
        shop.db.transaction(async (tx) => void (await serializable.append(checkedOut(cartId), { tx, ...unlessCheckedOut(cartId) })), {
          isolationLevel: 'serializable',
        })
      const own = serializable.append(checkedOut(cartId), unlessCheckedOut(cartId))
      const outcomes = await Promise.allSettled([checkOut(), checkOut(), own])
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await typesOf(cartId)).toEqual(['CartCreated', 'CheckedOut'])
    }
  })

  it('end one of two transactions that wait for each other, with an error that says to try again', async () => {
    const [first, second] = [newCart(), newCart()]
    let arrived = 0
    const bothHold = Promise.withResolvers<void>()
    const cross = (from: string, to: string): Promise<void> =>
      shop.db.transaction(async (tx) => {
        await client.saveEvent(created(from), tx)
        if (++arrived === 2) bothHold.resolve()
        await bothHold.promise
        await client.saveEvent(created(to), tx)
      })
    const outcomes = await Promise.allSettled([cross(first, second), cross(second, first)])
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused).toHaveLength(1)
    expect(refused[0]?.reason).toMatchObject({ code: 'deadlock', retryable: true })
  })

  it('say that the connection was lost when it was', async () => {
    const lost = shop.db.transaction(async (tx) => {
      await tx.execute('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => {})
      await expect(client.saveEvent(created(newCart()), tx)).rejects.toMatchObject({ code: 'connection_lost', retryable: true })
    })
    await expect(lost).rejects.toThrow()
  })
})

describe('decisions', () => {
  let shop: Shop
  beforeAll(async () => {
    shop = await openShop({ poolSize: 24 })
  })
  afterAll(() => shop.close())

  it('on two identifiers know a position for each, because one may commit behind the other', async () => {
    const { client, db } = shop
    const query = [{ identifier: { cartId: 'c' } }, { identifier: { productId: 'p' } }]
    const held = Promise.withResolvers<void>()
    const appended = Promise.withResolvers<void>()
    const slow = db.transaction(async (tx) => {
      await client.saveEvent(created('c'), tx)
      appended.resolve()
      await held.promise
    })
    await appended.promise
    await client.saveEvent({ type: 'StockCounted', data: { productId: 'p', count: 1 } })
    const { events, condition } = await client.read(query)
    expect(events.map(({ type }) => type)).toEqual(['StockCounted'])
    held.resolve()
    await slow
    await expect(client.append(checkedOut('c'), { condition })).rejects.toMatchObject({ conflicting: { type: 'CartCreated' } })
  })

  it('on types alone wait for appends that are still open', async () => {
    const { client, db } = shop
    const steps: string[] = []
    const appended = Promise.withResolvers<void>()
    const slow = db.transaction(async (tx) => {
      await client.saveEvent(checkedOut('late'), tx)
      appended.resolve()
      await new Promise((resolve) => setTimeout(resolve, 60))
      steps.push('committed')
    })
    await appended.promise
    const { events } = await client.read({ types: ['CheckedOut'] })
    steps.push('read')
    await slow
    expect(steps).toEqual(['committed', 'read'])
    expect(events.some((event) => event.type === 'CheckedOut' && event.data.cartId === 'late')).toBe(true)
  })

  it('are not held up by appends that have nothing to do with them', async () => {
    const { client, db } = shop
    await db.transaction(async (tx) => {
      await client.saveEvent(created('unrelated'), tx)
      await expect(client.read({ types: ['StockCounted'], identifier: { productId: 'none' } })).resolves.toMatchObject({ events: [] })
      await expect(client.read({ types: ['CheckedOut'] })).resolves.toBeDefined()
      await expect(client.append(checkedOut('mine'), unlessCheckedOut('mine'))).resolves.toBeDefined()
    })
  })
})
