import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { defineProjection, type ProjectionFrame } from '../src/index.ts'
import { showFrames, take } from './support/frames.ts'
import { openShop, type Shop } from './support/postgres.ts'
import { CartClass, cartProjection } from './support/shop-models.ts'
import { CART_TYPES, emptyCart, evolveCart, type Cart, type ShopEvent, type ShopInput } from './support/shop.ts'

const created = (cartId: string): ShopInput => ({ type: 'CartCreated', data: { cartId, userId: 'ann' } })
const added = (cartId: string, productId = 'pen'): ShopInput => ({ type: 'ItemAdded', data: { cartId, productId, quantity: 1 } })

function positionOf(frame: ProjectionFrame<Cart> | undefined): number | undefined {
  return frame?.kind === 'patch' ? frame.to : frame?.position
}

describe('a live projection', () => {
  let shop: Shop
  let cartCount = 0
  const newCart = (): string => `cart-${++cartCount}`
  beforeAll(async () => {
    shop = await openShop({ poolSize: 20 })
  })
  afterAll(() => shop.close())

  it('reduces each event once, however many watch', async () => {
    let evolvedCount = 0
    const counting = defineProjection({
      name: 'counting',
      query: { types: CART_TYPES, by: 'cartId' },
      initial: emptyCart,
      evolve: (cart, event: ShopEvent) => {
        evolvedCount++
        return evolveCart(cart, event)
      },
    })
    const cartId = newCart()
    const reader = shop.client.live(counting).open()
    const watchers = Array.from({ length: 10 }, () => reader.watch(cartId))
    const snapshots = await Promise.all(watchers.map((watcher) => take(watcher)))
    await shop.client.saveEvent(created(cartId))
    const patches = await Promise.all(watchers.map((watcher) => take(watcher)))
    expect(evolvedCount).toBe(1)
    for (const [index, patch] of patches.entries()) expect(showFrames([snapshots[index] ?? patch, patch])).toMatchObject({ userId: 'ann' })
    await reader.close()
  })

  it('shows nothing that is not committed, and nothing before what could still come before it', async () => {
    const cartId = newCart()
    const reader = shop.client.live(cartProjection).open()
    const frames = reader.watch(cartId)
    const snapshot = await take(frames)
    let next: Promise<ProjectionFrame<Cart>> | undefined
    await shop.db.transaction(async (tx) => {
      await shop.client.saveEvent(created('another cart'), tx)
      await shop.client.saveEvent(added(cartId))
      next = take(frames)
      await expect(Promise.race([next, new Promise((resolve) => setTimeout(() => resolve('nothing'), 80))])).resolves.toBe('nothing')
    })
    expect(showFrames([snapshot, await (next ?? take(frames))])).toMatchObject({ items: [{ productId: 'pen' }] })
    await reader.close()
  })

  it('equals asJson() after readers, connections and watchers were cut at random', async () => {
    const cartId = newCart()
    const total = 120
    let reader = shop.client.live(cartProjection).open()
    const written = new AbortController()
    const writing = (async () => {
      for (let count = 0; count < total; count++) {
        const append = (): Promise<unknown> => shop.client.append(added(cartId, `p${count}`), { idempotencyKey: `${cartId}-${count}` })
        await vi.waitFor(append, { timeout: 60_000 })
      }
      written.abort()
    })()
    const shown: ProjectionFrame<Cart>[] = []
    for (let cut = 0; (shown.length > 0 && !written.signal.aborted) || cut === 0; cut++) {
      const stop = new AbortController()
      const timer = setTimeout(() => stop.abort(), 30 + cut * 7)
      for await (const frame of reader.watch(cartId, { from: positionOf(shown.at(-1)), signal: stop.signal })) shown.push(frame)
      clearTimeout(timer)
      if (cut % 3 === 1) {
        await reader.close()
        reader = shop.client.live(cartProjection).open()
      }
      if (cut % 4 === 2)
        await shop.pool
          .query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
          .catch(() => {})
    }
    await writing
    const { state, position } = await shop.client.project(cartProjection, cartId)
    const rest = reader.watch(cartId, { from: positionOf(shown.at(-1)) })
    while (positionOf(shown.at(-1)) !== position) shown.push(await take(rest))
    await reader.close()
    expect(state.items).toHaveLength(total)
    expect(showFrames(shown)).toEqual(state)
    await expect(new CartClass(cartId, shop.client).asJson()).resolves.toEqual({ userId: '', count: total })
  })

  it('gives a watcher that is too slow a snapshot in place of what it missed', async () => {
    const limited = shop.clientWith({ limits: { maxQueuedFrames: 3 } })
    const cartId = newCart()
    const reader = limited.live(cartProjection).open()
    const [slow, fast] = [reader.watch(cartId), reader.watch(cartId)]
    const first = [await take(slow), await take(fast)]
    await limited.saveEvents(Array.from({ length: 10 }, (_, index) => added(cartId, `p${index}`)))
    const seen = [first[1] ?? (await take(fast))]
    const items = (): unknown => Reflect.get(Object(showFrames(seen)), 'items')
    while ((items() as unknown[]).length < 10) seen.push(await take(fast))
    const behind = await take(slow)
    expect(behind).toMatchObject({ kind: 'snapshot' })
    expect(showFrames([behind])).toEqual(showFrames(seen))
    await reader.close()
  })

  it('gives a snapshot where more events would have to be replayed than its limit', async () => {
    const limited = shop.clientWith({ limits: { maxReplayedEvents: 2 } })
    const cartId = newCart()
    const saved = await limited.saveEvents([created(cartId), added(cartId), added(cartId), added(cartId)])
    const reader = limited.live(cartProjection).open()
    await expect(take(reader.watch(cartId, { from: saved[1]?.position }))).resolves.toMatchObject({ kind: 'patch' })
    await expect(take(reader.watch(cartId, { from: saved[0]?.position }))).resolves.toMatchObject({ kind: 'snapshot' })
    await reader.close()
  })

  it('gives a snapshot for a position that never was one of this projection', async () => {
    const [here, there] = [newCart(), newCart()]
    const saved = await shop.client.saveEvents([created(here), created(there), added(here)])
    const reader = shop.client.live(cartProjection).open()
    await expect(take(reader.watch(here, { from: saved[1]?.position }))).resolves.toMatchObject({ kind: 'snapshot' })
    await reader.close()
  })

  it('refuses to watch more projections than its limit, and has room again when one is left', async () => {
    const reader = shop
      .clientWith({ limits: { maxWatchedProjections: 1 } })
      .live(cartProjection)
      .open()
    const [first, second] = [newCart(), newCart()]
    const watching = reader.watch(first)
    await take(watching)
    await expect(take(reader.watch(second))).rejects.toMatchObject({ code: 'limit_exceeded' })
    await watching.return?.()
    await expect(take(reader.watch(second))).resolves.toMatchObject({ kind: 'snapshot' })
    await reader.close()
  })

  it('gives the error of a reducer to those who watch, and goes on for the others', async () => {
    const fragile = defineProjection({
      name: 'fragile',
      query: { types: CART_TYPES, by: 'cartId' },
      initial: emptyCart,
      evolve: (cart, event: ShopEvent) => {
        if (event.type === 'CheckedOut') throw new RangeError('cannot be')
        return evolveCart(cart, event)
      },
    })
    const [broken, whole] = [newCart(), newCart()]
    const reader = shop.client.live(fragile).open()
    const [first, second] = [reader.watch(broken), reader.watch(whole)]
    await Promise.all([take(first), take(second)])
    await shop.client.saveEvents([{ type: 'CheckedOut', data: { cartId: broken } }, added(whole)])
    await expect(take(first)).rejects.toThrow('cannot be')
    await expect(take(second)).resolves.toMatchObject({ kind: 'patch' })
    await reader.close()
  })

  it('names the table whose changes move it, and its version', () => {
    expect(shop.client.live(cartProjection)).toMatchObject({ name: 'cart', version: 1, tables: [{ schema: 'shop', table: 'events' }] })
  })
})
