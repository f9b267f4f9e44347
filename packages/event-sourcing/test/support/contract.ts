import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  ConcurrencyError,
  defineEvents,
  defineProjection,
  DuplicateEventError,
  EventValidationError,
  type EventClientOptions,
} from '../../src/index.ts'
import { showFrames, take } from './frames.ts'
import { AlreadyCheckedOut, CartClass, cartProjection, checkOut, type ShopClient } from './shop-models.ts'
import { CART_TYPES, emptyCart, evolveCart, type ShopEvent, type ShopInput } from './shop.ts'

export type ContractOptions = Pick<EventClientOptions, 'definitions' | 'inline' | 'limits'>

/** One event store with the shop's tables; clients of it see each other's events. */
export interface ContractStore {
  clientWith(options: ContractOptions): ShopClient
  close(): Promise<void>
}

const created = (cartId: string, userId = 'ann'): ShopInput => ({ type: 'CartCreated', data: { cartId, userId } })
const added = (cartId: string, productId = 'pen', quantity = 1): ShopInput => ({ type: 'ItemAdded', data: { cartId, productId, quantity } })
const checkedOut = (cartId: string): ShopInput => ({ type: 'CheckedOut', data: { cartId } })

/** What every event store does, whatever it is made of. */
export function describeEventStore(name: string, open: () => Promise<ContractStore>): void {
  describe(name, () => {
    let store: ContractStore
    let client: ShopClient
    let cartCount = 0
    const newCart = (): string => `cart-${++cartCount}`

    beforeAll(async () => {
      store = await open()
      client = store.clientWith({})
      await client.install()
    })
    afterAll(() => store.close())

    it('gives stored events rising positions, dates and their own ids', async () => {
      const cartId = newCart()
      const saved = await client.saveEvents([created(cartId), { ...added(cartId), id: 'my-own-id', metadata: { by: 'ann' } }])
      expect(saved.map(({ position }) => position)).toEqual([saved[0]?.position, (saved[0]?.position ?? 0) + 1])
      const read = await client.getEventStream(CART_TYPES, { data: { cartId } })
      expect(read).toEqual(saved)
      expect(read[1]).toMatchObject({ id: 'my-own-id', metadata: { by: 'ann' }, schemaVersion: 1 })
      expect(read[0]?.createdAt).toBeInstanceOf(Date)
    })

    it('keeps a given creation time', async () => {
      const at = new Date('2020-02-02T02:02:02.020Z')
      const saved = await client.saveEvent({ ...created(newCart()), createdAt: at })
      expect(saved.createdAt).toEqual(at)
      const [read] = await client.getEventStream(['CartCreated'], { data: { cartId: saved.type === 'CartCreated' ? saved.data.cartId : '' } })
      expect(read?.createdAt).toEqual(at)
    })

    it.each([
      ['types and an identifier', (cartId: string) => ({ types: ['CartCreated' as const], identifier: { cartId } })],
      ['an identifier alone', (cartId: string) => ({ identifier: { cartId } })],
      ['types alone', () => ({ types: ['CartCreated' as const] })],
      ['an undeclared field', (cartId: string) => ({ identifier: { userId: `user of ${cartId}` } })],
      ['one declared and one undeclared field', (cartId: string) => ({ identifier: { cartId, userId: `user of ${cartId}` } })],
      ['several values', (cartId: string) => ({ identifier: { cartId: ['none', cartId] } })],
      ['several items', (cartId: string) => [{ types: ['CheckedOut' as const], identifier: { cartId } }, { identifier: { cartId } }]],
      ['nothing at all', () => ({})],
    ])('refuses an append whose condition names %s, and stores nothing of it', async (_shape, query) => {
      const cartId = newCart()
      await client.saveEvent(created(cartId, `user of ${cartId}`))
      const head = (await client.read({})).events.length
      const refused = client.append([added(cartId), checkedOut(cartId)], { condition: { failIfEventsMatch: query(cartId) } })
      await expect(refused).rejects.toMatchObject({ code: 'concurrency_conflict', retryable: true })
      await expect(refused).rejects.toBeInstanceOf(ConcurrencyError)
      expect((await client.read({})).events).toHaveLength(head)
    })

    it.each([
      ['another identifier', (cartId: string) => ({ identifier: { cartId: `not ${cartId}` } })],
      ['another type', (cartId: string) => ({ types: ['CheckedOut' as const], identifier: { cartId } })],
      ['an undeclared field with another value', (cartId: string) => ({ identifier: { cartId, userId: 'nobody' } })],
      ['no values', () => ({ identifier: { cartId: [] } })],
    ])('accepts an append whose condition names %s', async (_shape, query) => {
      const cartId = newCart()
      await client.saveEvent(created(cartId))
      await expect(client.append(added(cartId), { condition: { failIfEventsMatch: query(cartId) } })).resolves.toMatchObject({ isReplay: false })
    })

    it('looks only behind the position, or the event, that was seen', async () => {
      const cartId = newCart()
      const first = await client.saveEvent(created(cartId))
      const condition = { failIfEventsMatch: { identifier: { cartId } } }
      const { position } = await client.append(added(cartId), { condition: { ...condition, after: first.id } })
      await expect(client.append(added(cartId), { condition: { ...condition, after: first.position } })).rejects.toMatchObject({
        conflicting: { position, type: 'ItemAdded' },
      })
      await expect(client.append(added(cartId), { condition: { ...condition, after: position } })).resolves.toBeDefined()
    })

    it('refuses to go on from an event that does not exist', async () => {
      await expect(client.append(added('x'), { condition: { failIfEventsMatch: {}, after: 'nonsense' } })).rejects.toMatchObject({
        code: 'unknown_event',
      })
      await expect(client.getEventStream(['ItemAdded'], { after: 'nonsense' })).rejects.toMatchObject({ code: 'unknown_event' })
    })

    it('answers a repeated idempotency key with what it stored the first time', async () => {
      const cartId = newCart()
      const condition = { failIfEventsMatch: { identifier: { cartId } } }
      const first = await client.append([created(cartId), added(cartId)], { condition, idempotencyKey: cartId })
      const again = await client.append([created(cartId), added(cartId)], { condition, idempotencyKey: cartId })
      expect(again).toEqual({ ...first, isReplay: true })
      expect(await client.getEventStream(CART_TYPES, { data: { cartId } })).toHaveLength(2)
    })

    it('refuses an idempotency key that was used for other events', async () => {
      const cartId = newCart()
      await client.append(created(cartId), { idempotencyKey: cartId })
      const other = client.append(created(cartId, 'bob'), { idempotencyKey: cartId })
      await expect(other).rejects.toBeInstanceOf(DuplicateEventError)
      await expect(other).rejects.toMatchObject({ code: 'idempotency_mismatch', retryable: false })
    })

    it('refuses an id that is taken, and stores nothing of that append', async () => {
      const cartId = newCart()
      const { id } = await client.saveEvent(created(cartId))
      await expect(client.saveEvents([added(cartId), { ...added(cartId), id }])).rejects.toMatchObject({
        code: 'duplicate_event',
        name: 'DuplicateEventError',
      })
      expect(await client.getEventStream(['ItemAdded'], { data: { cartId } })).toEqual([])
    })

    it('stores nothing when there is nothing to store', async () => {
      await expect(client.append([])).resolves.toEqual({ events: [], position: 0, isReplay: false })
    })

    it('accepts an append at its limits and refuses one beyond', async () => {
      const limited = store.clientWith({ limits: { maxEventsPerAppend: 2, maxEventBytes: 60 } })
      await expect(limited.saveEvents([created(newCart()), created(newCart())])).resolves.toHaveLength(2)
      await expect(limited.saveEvents([created('a'), created('b'), created('c')])).rejects.toMatchObject({ code: 'limit_exceeded' })
      await expect(limited.saveEvent(created('a', 'x'.repeat(60)))).rejects.toMatchObject({ code: 'limit_exceeded' })
    })

    it('takes the whole table where an append has more locks than its limit, and still finds the conflict', async () => {
      const limited = store.clientWith({ limits: { maxLocksPerAppend: 3 } })
      const carts = [newCart(), newCart(), newCart(), newCart()]
      await limited.saveEvents(carts.map((cartId) => created(cartId)))
      const query = carts.map((cartId) => ({ identifier: { cartId } }))
      await expect(limited.append(added('x'), { condition: { failIfEventsMatch: query } })).rejects.toMatchObject({ code: 'concurrency_conflict' })
    })

    it('lets exactly one of many simultaneous commands through', async () => {
      const cartId = newCart()
      await client.saveEvent(created(cartId))
      const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => client.handle(checkOut, { cartId }, { retry: 20 })))
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(AlreadyCheckedOut)
      expect(await client.getEventStream(['CheckedOut'], { data: { cartId } })).toHaveLength(1)
    })

    it('does a command with an idempotency key once, also when it would refuse itself the second time', async () => {
      const cartId = newCart()
      await client.saveEvent(created(cartId))
      const first = await client.handle(checkOut, { cartId }, { idempotencyKey: `check out ${cartId}` })
      const again = await client.handle(checkOut, { cartId }, { idempotencyKey: `check out ${cartId}` })
      expect(again.isReplay).toBe(true)
      expect(again.events).toEqual(first.events)
    })

    it('gives with a decision the condition under which it stands', async () => {
      const cartId = newCart()
      await client.saveEvents([created(cartId), added(cartId)])
      const { state, condition } = await client.decide({ cart: cartProjection.for(cartId) })
      expect(state.cart.items).toEqual([{ productId: 'pen', quantity: 1 }])
      await client.saveEvent(added(cartId))
      await expect(client.append(checkedOut(cartId), { condition })).rejects.toMatchObject({ code: 'concurrency_conflict' })
    })

    it('reads a query page by page', async () => {
      const cartId = newCart()
      const saved = await client.saveEvents([created(cartId), ...Array.from({ length: 6 }, () => added(cartId))])
      const read: ShopEvent[] = []
      for await (const event of client.iterate({ identifier: { cartId } }, { pageSize: 3 })) read.push(event)
      expect(read).toEqual(saved)
    })

    it('subscribes from a position, in order, to what is there and to what comes', async () => {
      const cartId = newCart()
      const [first] = await client.saveEvents([created(cartId), added(cartId)])
      const stop = new AbortController()
      const seen: string[] = []
      for await (const event of client.subscribe({ query: { identifier: { cartId } }, from: first?.position ?? 0, signal: stop.signal })) {
        seen.push(event.type)
        if (seen.length === 1) await client.saveEvents([added('elsewhere'), checkedOut(cartId)])
        if (seen.length === 2) stop.abort()
      }
      expect(seen).toEqual(['ItemAdded', 'CheckedOut'])
    })

    it('refuses data that its schema refuses, and says where', async () => {
      const definitions = defineEvents({ CartCreated: { schema: z.object({ cartId: z.string(), userId: z.string().min(1) }) } })
      const checked = store.clientWith({ definitions })
      const refused = checked.saveEvent({ type: 'CartCreated', data: { cartId: 'a', userId: '' } })
      await expect(refused).rejects.toBeInstanceOf(EventValidationError)
      await expect(refused).rejects.toMatchObject({ code: 'invalid_event', eventType: 'CartCreated', issues: [{ path: ['userId'] }] })
      await expect(checked.saveEvent(added('a'))).rejects.toMatchObject({ code: 'unknown_event_type' })
    })

    it('brings events of version 1 to version 3 in reads, subscriptions, decisions and projections', async () => {
      const cartId = newCart()
      await client.saveEvent({ type: 'CartCreated', data: { cartId, userId: 'ann' } })
      const definitions = defineEvents({
        CartCreated: {
          schema: z.object({ cartId: z.string(), userId: z.string(), locale: z.string() }),
          version: 3,
          upcast: {
            1: (data) => ({ ...Object(data), userId: `user:${String(Reflect.get(Object(data), 'userId'))}` }),
            2: (data) => ({ ...Object(data), locale: 'en' }),
          },
        },
      })
      const newer = store.clientWith({ definitions })
      const upcast = { cartId, userId: 'user:ann', locale: 'en' }
      const [read] = await newer.getEventStream(['CartCreated'], { data: { cartId } })
      expect(read).toMatchObject({ data: upcast, schemaVersion: 3 })
      for await (const event of newer.subscribe({ query: { identifier: { cartId } } })) {
        expect(event.data).toEqual(upcast)
        break
      }
      expect((await newer.decide({ cart: cartProjection.for(cartId) })).state.cart.userId).toBe('user:ann')
      expect((await newer.project(cartProjection, cartId)).state.userId).toBe('user:ann')
      await newer.saveEvent({ type: 'CartCreated', data: { cartId, userId: 'user:bob', locale: 'de' } as never })
      await expect(client.getEventStream(['CartCreated'], { data: { cartId } })).resolves.toHaveLength(2)
      const older = store.clientWith({
        definitions: defineEvents({ CartCreated: { schema: z.object({}), version: 2, upcast: { 1: (data) => data } } }),
      })
      await expect(older.getEventStream(['CartCreated'], { data: { cartId } })).rejects.toMatchObject({ code: 'upcast_failed' })
    })

    it('saves a class projection, continues from nothing but its own initial values, and skips what is saved already', async () => {
      const cartId = newCart()
      await client.saveEvents([created(cartId), added(cartId)])
      const cart = new CartClass(cartId, client)
      await expect(cart.saveProjection()).resolves.toMatchObject({ status: 'created', data: { userId: 'ann', count: 1 } })
      await expect(cart.saveProjection()).resolves.toMatchObject({ status: 'skipped', data: { userId: 'ann', count: 1 } })
      await client.saveEvent(added(cartId))
      expect(await new CartClass(cartId, client).asJson()).toEqual({ userId: 'ann', count: 2 })
      await expect(new CartClass(cartId, client).saveProjection()).resolves.toMatchObject({ status: 'updated', data: { userId: 'ann', count: 2 } })
    })

    it('saves a snapshot when many events had to be folded, and goes on from it', async () => {
      let foldedCount = 0
      const counted = defineProjection({
        name: 'counted',
        query: { types: CART_TYPES, by: 'cartId' },
        initial: emptyCart,
        evolve: (cart, event: ShopEvent) => (foldedCount++, evolveCart(cart, event)),
        snapshotEvery: 5,
      })
      const cartId = newCart()
      await client.saveEvents([created(cartId), ...Array.from({ length: 5 }, () => added(cartId))])
      const before = await client.project(counted, cartId)
      foldedCount = 0
      expect(await client.project(counted, cartId)).toEqual(before)
      expect(foldedCount).toBe(0)
      await client.saveEvent(checkedOut(cartId))
      expect((await client.project(counted, cartId)).state).toEqual({ ...before.state, isCheckedOut: true })
      expect(foldedCount).toBe(1)
    })

    it('keeps an inline projection up to date in the same step as the events', async () => {
      const inlineCart = defineProjection({ name: 'inline-cart', query: { types: CART_TYPES, by: 'cartId' }, initial: emptyCart, evolve: evolveCart })
      const inline = store.clientWith({ inline: [inlineCart] })
      const cartId = newCart()
      await inline.saveEvents([created(cartId), added(cartId)])
      await Promise.all(Array.from({ length: 8 }, (_, index) => inline.saveEvent(added(cartId, `p${index}`))))
      const rows = await client.findProjected(inlineCart, { id: cartId })
      expect(rows).toHaveLength(1)
      expect(rows[0]?.state.items).toHaveLength(9)
    })

    it('runs projections to a position, rebuilds them while events are written, and gets the same', async () => {
      const later = defineProjection({ name: 'later-cart', query: { types: CART_TYPES, by: 'cartId' }, initial: emptyCart, evolve: evolveCart })
      const cartId = newCart()
      const stop = new AbortController()
      const errors: unknown[] = []
      const running = client.runProjections([later], { signal: stop.signal, onError: (error) => errors.push(error) })
      const { position } = await client.append([created(cartId), added(cartId)])
      await client.waitFor(later, position)
      expect((await client.findProjected(later, { id: cartId })).map(({ state }) => state)).toEqual([
        (await client.project(cartProjection, cartId)).state,
      ])
      const writing = Promise.all(Array.from({ length: 10 }, (_, index) => client.saveEvent(added(cartId, `p${index}`))))
      await client.rebuild(later)
      const last = Math.max(...(await writing).map((event) => event.position))
      await client.waitFor(later, last)
      stop.abort()
      await running
      expect(errors).toEqual([])
      expect((await client.findProjected(later, { id: cartId }))[0]?.state).toEqual((await client.project(cartProjection, cartId)).state)
    })

    it('has the same rows after several rebuilt a projection at once', async () => {
      const together = defineProjection({ name: 'rebuilt-cart', query: { types: CART_TYPES, by: 'cartId' }, initial: emptyCart, evolve: evolveCart })
      const cartId = newCart()
      for (let index = 0; index < 30; index++) await client.saveEvent(added(cartId, `p${index}`))
      // Several pages, which do not end at the same events.
      const builders = [7, 9, 11].map((pageSize) => store.clientWith({ limits: { pageSize } }))
      const { state } = await client.project(cartProjection, cartId)
      for (let round = 0; round < 5; round++) {
        await Promise.all(builders.map((builder) => builder.rebuild(together)))
        expect(await client.findProjected(together, { id: cartId })).toMatchObject([{ id: cartId, state }])
      }
    })

    it('gives up waiting for a projection that nobody runs', async () => {
      const idle = defineProjection({ name: 'idle', query: { types: CART_TYPES, by: 'cartId' }, initial: emptyCart, evolve: evolveCart })
      await expect(client.waitFor(idle, 1, { timeoutMs: 30 })).rejects.toMatchObject({ code: 'wait_timed_out' })
    })

    it('shows a projection live: a snapshot, then one patch for each event, resumed by position', async () => {
      const cartId = newCart()
      await client.saveEvent(created(cartId))
      const reader = client.live(cartProjection).open()
      const frames = reader.watch(cartId)
      const first = await take(frames)
      expect(first).toMatchObject({ kind: 'snapshot', state: { userId: 'ann', items: [] } })
      await client.saveEvents([added(cartId), added('elsewhere'), added(cartId, 'ink'), checkedOut(cartId)])
      const patches = [await take(frames), await take(frames), await take(frames)]
      const shown = showFrames([first, ...patches])
      expect(shown).toEqual((await client.project(cartProjection, cartId)).state)
      const from = patches[0]?.kind === 'patch' ? patches[0].to : 0
      const resumed = reader.watch(cartId, { from })
      expect([await take(resumed), await take(resumed)]).toEqual(patches.slice(1))
      const late = client.live(cartProjection).open()
      const replayed = late.watch(cartId, { from })
      expect([await take(replayed), await take(replayed)]).toEqual(patches.slice(1))
      await expect(take(late.watch(cartId, { from: from + 1_000_000 }))).resolves.toMatchObject({ kind: 'snapshot' })
      await Promise.all([reader.close(), late.close()])
      await expect(frames.next()).resolves.toMatchObject({ done: true })
    })

    it('shows a class projection live', async () => {
      const cartId = newCart()
      await client.saveEvent(created(cartId))
      const reader = client.live({ name: 'cart-class', query: { types: CART_TYPES, by: 'cartId' }, open: (id) => new CartClass(id, client) }).open()
      const frames = reader.watch(cartId)
      const first = await take(frames)
      await client.saveEvents([added(cartId), added(cartId)])
      const seen = [first]
      while (JSON.stringify(showFrames(seen)) !== JSON.stringify({ userId: 'ann', count: 2 })) seen.push(await take(frames))
      await reader.close()
    })

    it('finds events by values, lists, ranges, nested fields and containment, and nothing for an empty list', async () => {
      const cartId = newCart()
      await client.saveEvents([added(cartId, 'apple', 1), added(cartId, 'Banana', 10), added(cartId, 'cherry', 9)])
      const find = async (data: object): Promise<string[]> => {
        const found = await client.getEventStream(['ItemAdded'], { data: { cartId, ...data } })
        return found.map((event) => (event.type === 'ItemAdded' ? event.data.productId : ''))
      }
      expect(await find({ quantity: 10 })).toEqual(['Banana'])
      expect(await find({ quantity: { gte: 9 } })).toEqual(['Banana', 'cherry'])
      expect(await find({ quantity: { gt: 1, lt: 10 } })).toEqual(['cherry'])
      expect(await find({ productId: ['apple', 'cherry', 'none'] })).toEqual(['apple', 'cherry'])
      expect(await find({ productId: { in: ['apple'], neq: 'cherry' } })).toEqual(['apple'])
      expect(await find({ productId: { nin: ['apple'] } })).toEqual(['Banana', 'cherry'])
      expect(await find({ productId: { lt: 'a' } })).toEqual(['Banana'])
      expect(await find({ productId: { gte: 5 } })).toEqual([])
      expect(await find({ productId: [] })).toEqual([])
      expect(await find({ productId: { in: [] } })).toEqual([])
      await expect(find({ productId: undefined })).rejects.toThrow(TypeError)
      await expect(find({ productId: null })).rejects.toThrow(TypeError)
      await expect(find({ productId: { eq: 'a', like: 'b' } })).rejects.toThrow(/no operator "like"/)
    })

    it('finds saved projections by nested fields, lists and containment', async () => {
      const cartId = newCart()
      const { id: latestEventId } = await client.saveEvent(created(cartId))
      await client.saveProjection({ type: 'TAGGED', id: cartId, latestEventId, data: { tags: ['a', 'b'], owner: { name: 'ann' } } })
      const find = async (data: object): Promise<number> => (await client.queryProjections({ type: 'TAGGED', data: { ...data } })).length
      expect(await find({ tags: ['a', 'b'] })).toBe(1)
      expect(await find({ tags: ['a'] })).toBe(0)
      expect(await find({ tags: { contains: ['b'] } })).toBe(1)
      expect(await find({ owner: { name: 'ann' } })).toBe(1)
      expect(await find({ owner: { name: 'bob' } })).toBe(0)
    })
  })
}
