import type { sql } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEventClient, createEventsTable, createProjectionsTable, defineProjection, ProjectionBase, type EventClient } from '../src/index.ts'
import { itemSql } from '../src/postgres/filter-sql.ts'
import { IS_NEW_ROW } from '../src/postgres/projection-rows.ts'
import { openShop, type Shop } from './support/postgres.ts'
import type { ShopClient } from './support/shop-models.ts'
import { CART_TYPES, shopEvents, shopProjections, type ShopEvent, type ShopInput } from './support/shop.ts'

const created = (cartId: string, userId = 'ann'): ShopInput => ({ type: 'CartCreated', data: { cartId, userId } })
const added = (cartId: string, productId = 'pen'): ShopInput => ({ type: 'ItemAdded', data: { cartId, productId, quantity: 1 } })
const checkedOut = (cartId: string): ShopInput => ({ type: 'CheckedOut', data: { cartId } })

/** The products of a cart, found by a field that is an identifier or by one that is not. */
class ProductsClass extends ProjectionBase<ShopEvent['type'], ShopEvent, ShopClient, { products: string[] }> {
  readonly #field: 'cartId' | 'userId'
  readonly #value: string

  constructor(field: 'cartId' | 'userId', value: string, client: ShopClient, loadsSaved = true) {
    super(client, loadsSaved)
    this.#field = field
    this.#value = value
  }

  protected override get eventTypes(): ShopEvent['type'][] {
    return [...CART_TYPES]
  }

  protected override get projectionType(): string {
    return `PRODUCTS_BY_${this.#field}`
  }

  override get id(): string {
    return this.#value
  }

  protected override getEventIdentifiers(): { cartId?: string; userId?: string } {
    return { [this.#field]: this.#value }
  }

  override async asJson(): Promise<{ products: string[] }> {
    const saved = await this.savedProjection
    const products = await this.reduceEvents(
      (list, event) => [...list, event.type === 'ItemAdded' ? event.data.productId : event.type],
      saved?.data.products ?? [],
    )
    return { products }
  }
}

/** A transaction that has appended and is still open, and a way to end it. */
async function openAppend(shop: Shop, event: ShopInput): Promise<{ commit(): Promise<void>; rollback(): Promise<void> }> {
  const decision = Promise.withResolvers<'commit' | 'rollback'>()
  const appended = Promise.withResolvers<void>()
  const transaction = shop.db.transaction(async (tx) => {
    await shop.client.saveEvent(event, tx)
    appended.resolve()
    if ((await decision.promise) === 'rollback') tx.rollback()
  })
  transaction.catch(() => {})
  await appended.promise
  return {
    commit: async () => (decision.resolve('commit'), transaction),
    rollback: async () => (decision.resolve('rollback'), transaction.catch(() => {})),
  }
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => false), new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 80))])
}

describe('faults of the seed, mended', () => {
  let shop: Shop
  let client: ShopClient
  let cartCount = 0
  const newCart = (): string => `cart-${++cartCount}`
  const typesOf = async (cartId: string): Promise<string[]> => (await client.getEventStream(CART_TYPES, { data: { cartId } })).map(({ type }) => type)

  beforeAll(async () => {
    shop = await openShop({ poolSize: 20 })
    client = shop.client
  })
  afterAll(() => shop.close())

  it('S1: stores nothing of an event whose stream validation fails', async () => {
    const cartId = newCart()
    const [first] = await client.saveEvents([created(cartId), checkedOut(cartId)])
    const rejected = client.saveEventWithStreamValidation(added(cartId), first?.id ?? '', [{ types: ['CheckedOut'], identifier: { cartId } }])
    await expect(rejected).rejects.toThrow('Concurrent modification detected')
    expect(await typesOf(cartId)).toEqual(['CartCreated', 'CheckedOut'])
  })

  it('S2: accepts one of two parallel checkouts, for every cart', async () => {
    for (let round = 0; round < 50; round++) {
      const cartId = newCart()
      const { id } = await client.saveEvent(created(cartId))
      const checkOut = (): Promise<unknown> =>
        client.saveEventWithStreamValidation(checkedOut(cartId), id, [{ types: ['CheckedOut'], identifier: { cartId } }])
      const outcomes = await Promise.allSettled([checkOut(), checkOut()])
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    }
  })

  it('S3: shows an event that commits late in a saved projection, as in a full replay', async () => {
    const cartId = newCart()
    const slow = await openAppend(shop, added(cartId, 'slow'))
    const fast = client.saveEvent(added(cartId, 'fast'))
    expect(await isPending(fast)).toBe(true)
    await slow.commit()
    await fast
    await new ProductsClass('cartId', cartId, client).saveProjection()
    expect(await new ProductsClass('cartId', cartId, client).asJson()).toEqual({ products: ['slow', 'fast'] })
    expect(await new ProductsClass('cartId', cartId, client, false).asJson()).toEqual({ products: ['slow', 'fast'] })
  })

  it('S3: waits with a snapshot over a field without a lock until what could come before has come', async () => {
    const userId = `user of ${newCart()}`
    const slow = await openAppend(shop, created(newCart(), userId))
    await client.saveEvent(created(newCart(), userId))
    const saving = new ProductsClass('userId', userId, client).saveProjection()
    expect(await isPending(saving)).toBe(true)
    await slow.commit()
    await expect(saving).resolves.toMatchObject({ status: 'created', data: { products: ['CartCreated', 'CartCreated'] } })
  })

  it('S4: rejects after a checkout that was drawn before the seen event and committed after it', async () => {
    const cartId = newCart()
    await client.saveEvent(created(cartId))
    const checkout = await openAppend(shop, checkedOut(cartId))
    const latest = await client.getLatestEvent('CartCreated', { data: { cartId } })
    const adding = client.saveEventWithStreamValidation(added(cartId), latest.id, [{ types: ['CheckedOut'], identifier: { cartId } }])
    adding.catch(() => {})
    expect(await isPending(adding.catch(() => {}))).toBe(true)
    await checkout.commit()
    await expect(adding).rejects.toMatchObject({ code: 'concurrency_conflict' })
  })

  it('S5: orders and validates by position, whatever the clocks behind the ids say', async () => {
    const cartId = newCart()
    await client.saveEvent({ ...added(cartId, 'A'), id: `7ZZZ-${cartId}` })
    await client.saveEvent({ ...added(cartId, 'B'), id: `0000-${cartId}` })
    const stream = await client.getEventStream(['ItemAdded'], { data: { cartId } })
    expect(stream.map((event) => event.type === 'ItemAdded' && event.data.productId)).toEqual(['A', 'B'])
    await expect(
      client.saveEventWithStreamValidation(checkedOut(cartId), `7ZZZ-${cartId}`, [{ types: ['ItemAdded'], identifier: { cartId } }]),
    ).rejects.toThrow('Concurrent')
    expect((await client.getEventStream(['ItemAdded'], { data: { cartId }, after: `7ZZZ-${cartId}` })).map(({ id }) => id)).toEqual([
      `0000-${cartId}`,
    ])
  })

  it('S6: gives sequential saves in one transaction rising ids', async () => {
    const ids: string[] = []
    await shop.db.transaction(async (tx) => {
      for (let count = 0; count < 200; count++) ids.push((await client.saveEvent(added(newCart()), tx)).id)
    })
    expect(ids).toEqual(ids.toSorted())
  })

  it("S7: gives rising ids across calls and keeps a caller's own", async () => {
    const calls = await Promise.all(Array.from({ length: 20 }, () => client.saveEvents([added('x'), added('y')])))
    const ids = calls.flat().map(({ id }) => id)
    expect(new Set(ids).size).toBe(40)
    for (const [first, second] of calls) expect((first?.id ?? '') < (second?.id ?? '')).toBe(true)
    const [kept] = await client.saveEvents([{ ...added('x'), id: 'an id of my own' }])
    expect(kept?.id).toBe('an id of my own')
  })

  it('S8, S9: finds the newest event of a type, also by its data', async () => {
    const cartId = newCart()
    await client.saveEvents([added(cartId, 'first'), added(cartId, 'last'), added('elsewhere', 'other')])
    await expect(client.getLatestEvent('ItemAdded', { data: { cartId } })).resolves.toMatchObject({ data: { productId: 'last' } })
    await expect(client.getLatestEvent('ItemAdded')).resolves.toMatchObject({ data: { productId: 'other' } })
    await expect(client.getLatestEvent('ItemAdded', { data: { cartId: 'nobody' } })).resolves.toBeUndefined()
  })

  it('S10: puts tables into real schemas, so that tables of the same name do not collide', async () => {
    for (const schema of ['first_app', 'second_app']) {
      await createEventClient(shop.db, createEventsTable({ schema, dataIndexes: ['cartId'] }), createProjectionsTable({ schema })).install()
    }
    const { rows } = await shop.pool.query(
      `SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema LIKE '%_app' ORDER BY 1, 2`,
    )
    expect(rows).toEqual(
      ['first_app', 'second_app'].flatMap((table_schema) => ['events', 'projections'].map((table_name) => ({ table_schema, table_name }))),
    )
  })

  it('S11: continues from the saved projection exactly where the class does, also in a class that never looks at it', async () => {
    const cartId = newCart()
    await client.saveEvents([created(cartId), added(cartId)])
    class Counter extends ProductsClass {
      override async asJson(): Promise<{ products: string[] }> {
        return { products: await this.reduceEvents((list: string[], event) => [...list, event.type], []) }
      }
    }
    const counter = (): Counter => new Counter('cartId', cartId, client)
    await counter().saveProjection()
    await client.saveEvent(checkedOut(cartId))
    expect(await counter().asJson()).toEqual({ products: ['CartCreated', 'ItemAdded', 'CheckedOut'] })
    await counter().saveProjection()
    expect((await client.getProjection({ type: 'PRODUCTS_BY_cartId', id: cartId }))?.data).toEqual({
      products: ['CartCreated', 'ItemAdded', 'CheckedOut'],
    })
  })

  it('S12: folds staged events behind the stored ones', async () => {
    const cartId = newCart()
    await client.saveEvents([added(cartId, '1'), added(cartId, '2')])
    const staged = new ProductsClass('cartId', cartId, client).apply([added(cartId, '3'), added(cartId, '4')] as never)
    expect(await staged.asJson()).toEqual({ products: ['1', '2', '3', '4'] })
    await expect(staged.saveProjection()).rejects.toThrow(TypeError)
    const history = await client.getEventStream(CART_TYPES, { data: { cartId } })
    expect(await new ProductsClass('cartId', 'another', client).fromHistory(history as never).asJson()).toEqual({ products: ['1', '2'] })
  })

  it('S13: skips a second save when nothing came since', async () => {
    const cartId = newCart()
    await client.saveEvent(created(cartId))
    const cart = new ProductsClass('cartId', cartId, client)
    expect((await cart.saveProjection()).status).toBe('created')
    expect((await cart.saveProjection()).status).toBe('skipped')
    expect((await new ProductsClass('cartId', 'empty', client).saveProjection()).status).toBe('skipped')
  })

  it('S14, S16: skips a stale save and gives what is saved; a newer one changes updated_at', async () => {
    const cartId = newCart()
    const [older, newer] = await client.saveEvents([created(cartId), added(cartId)])
    const save = (latestEventId: string, name: string): Promise<unknown> =>
      client.saveProjection({ type: 'NAMED', id: cartId, data: { name }, latestEventId })
    // A Date is to the millisecond, in which two saves may fall.
    const SELECT_MICROSECONDS = 'SELECT extract(epoch FROM updated_at) * 1000000 AS microseconds FROM shop.views WHERE type = $1 AND id = $2'
    const updatedAt = async (): Promise<number> => Number((await shop.pool.query(SELECT_MICROSECONDS, ['NAMED', cartId])).rows[0].microseconds)
    await expect(save(older?.id ?? '', 'older')).resolves.toMatchObject({ status: 'created' })
    const before = await updatedAt()
    await expect(save(newer?.id ?? '', 'newer')).resolves.toMatchObject({ status: 'updated' })
    expect(await updatedAt()).toBeGreaterThan(before)
    await expect(save(older?.id ?? '', 'older')).resolves.toEqual({
      status: 'skipped',
      type: 'NAMED',
      id: cartId,
      data: { name: 'newer' },
      latestEventId: newer?.id,
    })
  })

  it('S15: tells a new row from an updated one beyond transaction 2^31', async () => {
    const { rows } = await shop.pool.query(`SELECT ${IS_NEW_ROW} AS is_new FROM (VALUES ('0'::xid), ('3000000000'::xid)) AS t(xmax)`)
    expect(rows).toEqual([{ is_new: true }, { is_new: false }])
  })

  it("S17: saves and finds projections within the caller's transaction", async () => {
    const cartId = newCart()
    const rolledBack = shop.db.transaction(async (tx) => {
      const { id: latestEventId } = await client.saveEvent(created(cartId), tx)
      await client.saveProjection({ type: 'IN_TX', id: cartId, data: {}, latestEventId, tx })
      expect(await client.getProjection({ type: 'IN_TX', id: cartId, tx })).toBeDefined()
      expect(await client.queryProjections({ type: 'IN_TX', tx })).toHaveLength(1)
      tx.rollback()
    })
    await expect(rolledBack).rejects.toThrow()
    expect(await client.getProjection({ type: 'IN_TX', id: cartId })).toBeUndefined()
    expect(await typesOf(cartId)).toEqual([])
  })

  it('S18: gives a validated event its fields as every other event, with the given creation time', async () => {
    const cartId = newCart()
    const { id } = await client.saveEvent(created(cartId))
    const createdAt = new Date('2021-01-01T00:00:00Z')
    const saved = await client.saveEventWithStreamValidation({ ...added(cartId), createdAt }, id, [{ types: ['CheckedOut'], identifier: { cartId } }])
    expect(saved).toMatchObject({ type: 'ItemAdded', createdAt, updatedAt: createdAt })
    expect(Object.keys(saved)).not.toContain('created_at')
  })

  it('S19: validates lists of identifiers and no identifier, and refuses streams that could never match', async () => {
    const cartId = newCart()
    const { id } = await client.saveEvent(created(cartId))
    const validate = (types: ShopEvent['type'][], identifier: object): Promise<unknown> =>
      client.saveEventWithStreamValidation(added(cartId), id, [{ types, identifier }])
    await expect(validate(['CheckedOut'], { cartId: [cartId, 'another'] })).resolves.toBeDefined()
    await expect(validate(['ItemAdded'], { cartId: [cartId, 'another'] })).rejects.toThrow('Concurrent')
    await expect(validate(['StockCounted'], {})).resolves.toBeDefined()
    await expect(validate(['ItemAdded'], {})).rejects.toThrow('Concurrent')
    await expect(validate([], { cartId })).rejects.toThrow(TypeError)
    await expect(client.saveEventWithStreamValidation(added(cartId), id, [])).rejects.toThrow(TypeError)
  })

  it('S20: finds nothing for an empty list and refuses null, rather than dropping the filter', async () => {
    await client.saveEvent(created(newCart()))
    await expect(client.getEventStream(['CartCreated'], { data: { cartId: [] } })).resolves.toEqual([])
    await expect(client.getEventStream(['CartCreated'], { data: { cartId: null } as never })).rejects.toThrow(TypeError)
    await expect(client.getEventStream(['CartCreated'], { data: { cartId: undefined } as never })).rejects.toThrow(TypeError)
    await expect(client.queryProjections({ type: 'X', data: JSON.parse('{"cartId":null}') })).rejects.toThrow(TypeError)
  })

  it('S21: compares numbers as numbers and finds lists, nested fields and parts', async () => {
    const { id: latestEventId } = await client.saveEvent(created(newCart()))
    await client.saveProjection({ type: 'RICH', id: 'a', latestEventId, data: { tags: ['a'], size: 10, owner: { name: 'ann' } } })
    const find = async (data: object): Promise<number> => (await client.queryProjections({ type: 'RICH', data: { ...data } })).length
    expect([
      await find({ tags: ['a'] }),
      await find({ size: { gt: 9 } }),
      await find({ owner: { name: 'ann' } }),
      await find({ tags: { contains: ['a'] } }),
    ]).toEqual([1, 1, 1, 1])
    expect([await find({ tags: ['b'] }), await find({ size: { gt: 10 } }), await find({ owner: { name: 'bob' } })]).toEqual([0, 0, 0])
  })

  it('S22: validates through node-postgres and stores the event once', async () => {
    const cartId = newCart()
    const { id } = await client.saveEvent(created(cartId))
    await client.saveEventWithStreamValidation(added(cartId), id, [{ types: ['CheckedOut'], identifier: { cartId } }])
    expect(await typesOf(cartId)).toEqual(['CartCreated', 'ItemAdded'])
  })

  it('S23: reads by an identifier through its index, also under a generic plan', async () => {
    await shop.pool.query(
      `INSERT INTO shop.events (id, type, data) SELECT 'bulk-' || n, 'ItemAdded', jsonb_build_object('cartId', 'bulk-' || n % 2000) FROM generate_series(1, 20000) n`,
    )
    await shop.pool.query('ANALYZE shop.events')
    const { sql: where } = new PgDialect().sqlToQuery(itemSql({ types: ['ItemAdded'], identifier: { cartId: ['bulk-7'] } }))
    const connection = await shop.pool.connect()
    await connection.query('SET plan_cache_mode = force_generic_plan')
    await connection.query(`PREPARE by_cart (text, text) AS SELECT * FROM shop.events WHERE ${where} ORDER BY position`)
    const { rows } = await connection.query<{ 'QUERY PLAN': string }>(`EXPLAIN EXECUTE by_cart ('ItemAdded', 'bulk-7')`)
    connection.release(true)
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('events_data_cartId_idx')
  })

  it('S26: takes an empty list of events, and says in its own words that an id is taken', async () => {
    await expect(client.saveEvents([])).resolves.toEqual([])
    const { id } = await client.saveEvent(created(newCart()))
    await expect(client.saveEvent({ ...created(newCart()), id })).rejects.toMatchObject({ code: 'duplicate_event', retryable: false })
  })

  it('S27: reads several streams in one statement, each event once, in order, and leaves the options alone', async () => {
    const cartId = newCart()
    const saved = await client.saveEvents([created(cartId), added(cartId, 'ink'), checkedOut(cartId)])
    let statementCount = 0
    const counting = new Proxy(shop.db, {
      get: (target, name): unknown => {
        if (name === 'execute') return (query: ReturnType<typeof sql>) => (statementCount++, target.execute(query))
        const member: unknown = Reflect.get(target, name)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
    const counted: EventClient<ShopEvent['type'], ShopEvent> = createEventClient(counting, shopEvents, shopProjections)
    const streams = Object.freeze([
      Object.freeze({ eventTypes: [...CART_TYPES], options: Object.freeze({ data: { cartId } }) }),
      Object.freeze({ eventTypes: ['ItemAdded' as const], options: Object.freeze({ data: { productId: 'ink' } }) }),
    ])
    expect(await counted.getEventStreams(streams)).toEqual(saved)
    expect(statementCount).toBe(1)
  })

  it('S28: projects the same from snapshots as from the beginning', async () => {
    const cartId = newCart()
    await client.saveEvents([created(cartId), added(cartId, '1')])
    const names = {
      query: { types: CART_TYPES, by: 'cartId' },
      initial: () => [] as string[],
      evolve: (list: string[], event: ShopEvent) => [...list, event.type],
    }
    const snapped = defineProjection({ name: 'snapped', snapshotEvery: 1, ...names })
    for (let round = 0; round < 5; round++) {
      await client.saveEvent(added(cartId))
      expect(await client.project(snapped, cartId)).toEqual(await client.project(defineProjection({ name: 'plain', ...names }), cartId))
    }
  })
})
