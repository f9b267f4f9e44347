import { createLiveClient, type LiveClientOptions, type LiveProjection, type LiveState, type ProjectionView } from '@zenstack-live/client'
import { startRedis, type RedisServer } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { cartProjection, openCartShop, type CartShop, type CartTotal } from './support/cart-shop.ts'
import { startServer, type TestServer } from './support/start-server.ts'

const PATIENCE_MS = 30_000

let redis: RedisServer
let server: TestServer
let shop: CartShop
/** Whom the shop lets in; tests change it. */
const guests = new Set<string>()

beforeAll(async () => {
  redis = await startRedis({ isPersistent: true })
  server = await startServer(inject('postgresUrl'), {
    redis: { url: redis.url },
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    limits: { databaseTimeoutMs: 60_000 },
    async addTo(url) {
      shop = await openCartShop(url, async (auth, id) => {
        if (id === 'broken') throw new Error('no such cart')
        return auth?.['role'] === 'MANAGER' || guests.has(`${String(auth?.['id'])} ${id}`)
      })
      return { projections: shop.projections }
    },
  })
})
afterAll(async () => {
  await server.close()
  await shop.close()
  await redis.stop()
})

const clients: { $close(): void }[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.$close()
})

type Live = ReturnType<typeof createLiveClient<typeof schema>>

function clientOf(userId: string, options: LiveClientOptions = {}): Live {
  const limits = { minBackoffMs: 20, maxBackoffMs: 100 }
  const live = createLiveClient(schema, { endpoint: `${server.origin}/api/live`, headers: { 'x-user': userId }, limits, ...options })
  clients.push(live)
  return live
}

type CartView = ProjectionView<typeof cartProjection>

const cartOf = (live: Live, id: string): LiveProjection<CartView> => live.projection<typeof cartProjection>('cart', id)

interface Watched<T> {
  readonly states: readonly LiveState<T>[]
  readonly data: T | undefined
  until(condition: (state: LiveState<T>) => boolean): Promise<void>
  stop(): void
}

function watch<T>(live: Live, projection: LiveProjection<T>): Watched<T> {
  const states: LiveState<T>[] = []
  let look: (() => void) | undefined
  const stop = live.subscribe(projection, (state) => {
    states.push(state)
    look?.()
  })
  return {
    states,
    stop,
    get data() {
      return states.at(-1)?.data
    },
    until: (condition) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`Waited in vain; last: ${JSON.stringify(states.at(-1))}`)), PATIENCE_MS)
        look = () => {
          const state = states.at(-1)
          if (state === undefined || !condition(state)) return
          clearTimeout(timer)
          resolve()
        }
        look()
      }),
  }
}

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

async function current(id: string): Promise<unknown> {
  return json((await shop.events.project(cartProjection, id)).state)
}

async function refusalOf(path: string, user: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  const response = await fetch(`${server.origin}/api/live/$projections/${path}`, { headers: { 'x-user': user, ...headers } })
  return { status: response.status, body: await response.text() }
}

describe('a projection in the browser', { timeout: 120_000 }, () => {
  it('shows the state as JSON, then each event, and keeps the identity of what an event left alone', async () => {
    await shop.add('c1', 'lamp')
    const live = clientOf('ann')
    const cart = watch(live, cartOf(live, 'c1'))
    expect(cart.states).toMatchObject([{ status: 'pending', liveStatus: 'connecting' }])
    await cart.until(({ isLive }) => isLive)
    const before = cart.data
    expect(before).toEqual({ id: 'c1', items: [{ sku: 'lamp', quantity: 1 }], note: { text: 'never changed' }, checkedOutAt: null })
    await shop.events.append({ type: 'CheckedOut', data: { cartId: 'c1', at: '2026-01-02T03:04:05.000Z' } })
    await cart.until(({ data }) => data?.checkedOutAt === '2026-01-02T03:04:05.000Z')
    expect(cart.data?.items).toBe(before?.items)
    expect(cart.data?.note).toBe(before?.note)
    expect(cart.data).toEqual(await current('c1'))
  })

  it('asks once for all who watch one id', async () => {
    let requests = 0
    const live = clientOf('ann', { fetch: (url, init) => (requests++, fetch(url, init)) })
    const [one, other] = [watch(live, cartOf(live, 'c2')), watch(live, cartOf(live, 'c2'))]
    await Promise.all([one.until(({ isLive }) => isLive), other.until(({ isLive }) => isLive)])
    await shop.add('c2', 'mug')
    await Promise.all([one, other].map((cart) => cart.until(({ data }) => data?.items.length === 1)))
    expect(requests).toBe(1)
    expect(one.data).toBe(other.data)
  })

  it('shows a class of the seed as it shows a pure projection', async () => {
    const live = clientOf('ann')
    const total = watch(live, live.projection<typeof CartTotal>('total', 'c3'))
    await total.until(({ isLive }) => isLive)
    expect(total.data).toEqual({ total: 0 })
    await shop.add('c3', 'mug', 3)
    await total.until(({ data }) => data?.total === 3)
  })

  it('sends only what changed, and after a cut only what was missed', async () => {
    for (let count = 0; count < 50; count++) await shop.add('c4', `sku-${count}`)
    const text: string[] = []
    let wire = new AbortController()
    const live = clientOf('ann', {
      fetch: async (url, init) => {
        const response = await fetch(url, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, wire.signal]) : wire.signal })
        return new Response(response.body?.pipeThrough(tap(text)), response)
      },
    })
    const cart = watch(live, cartOf(live, 'c4'))
    await cart.until(({ isLive }) => isLive)
    await shop.add('c4', 'sku-0')
    await cart.until(({ data }) => data?.items[0]?.quantity === 2)
    const cut = wire
    wire = new AbortController()
    cut.abort()
    await shop.add('c4', 'sku-1')
    await cart.until(({ data, isLive }) => data?.items[1]?.quantity === 2 && isLive)
    expect(text.join('').match(/event: \w+/g)).toEqual(['event: snapshot', 'event: patch', 'event: patch'])
    expect(
      text
        .join('')
        .match(/"patch":.*/g)
        ?.every((patch) => patch.length < 100),
    ).toBe(true)
  })

  it('begins again with a snapshot where the position is not one of this projection', async () => {
    await shop.add('c5', 'mug')
    const foreign = await (await fetch(`${server.origin}/api/live/$projections/cart/c1`, { headers: { 'x-user': 'ann' } })).json()
    for (const position of [String(Reflect.get(Object(foreign), 'position')), '1~7~forged', 'nonsense', 'x~y~z~~~']) {
      const response = await fetch(`${server.origin}/api/live/$projections/cart/c5`, {
        headers: { 'x-user': 'ann', accept: 'text/event-stream', 'last-event-id': position },
      })
      const reader = response.body?.getReader()
      let text = ''
      while (!text.includes('\n\n') || text.endsWith(':\n\n')) text += new TextDecoder().decode((await reader?.read())?.value)
      await reader?.cancel()
      expect(text).toContain('event: snapshot')
    }
  })

  it('refuses in one voice, whatever the reason, and whether or not the id exists', async () => {
    await shop.add('hidden', 'mug')
    const refusals = [
      await refusalOf('cart/hidden', 'bob'),
      await refusalOf('cart/never-was', 'bob'),
      await refusalOf('cart/broken', 'bob'),
      await refusalOf('nothing/hidden', 'bob'),
      await refusalOf('secret/hidden', 'ann'),
      await refusalOf('cart/hidden', 'bob', { accept: 'text/event-stream' }),
    ]
    expect(new Set(refusals.map((refusal) => JSON.stringify(refusal))).size).toBe(1)
    expect(refusals[0]).toEqual({ status: 403, body: JSON.stringify({ error: { code: 'forbidden', message: 'This is not allowed.' } }) })
    const live = clientOf('bob')
    const cart = watch(live, cartOf(live, 'hidden'))
    await cart.until(({ status }) => status === 'error')
    expect(cart.states.at(-1)).toMatchObject({ liveStatus: 'denied', data: undefined, error: { code: 'forbidden' } })
  })

  it.each([
    ['when the server is told to ask again', async () => server.refreshIdentity('bob')],
    ['when their own row changes', () => server.sql(`UPDATE "User" SET name = name || '!' WHERE id = 'bob'`)],
  ])('takes the state away from who may no longer see it, %s', async (_, makeAskAgain) => {
    guests.add('bob c6')
    await shop.add('c6', 'mug')
    const live = clientOf('bob')
    const cart = watch(live, cartOf(live, 'c6'))
    await cart.until(({ isLive }) => isLive)
    guests.delete('bob c6')
    await makeAskAgain()
    await cart.until(({ status }) => status === 'error')
    expect(cart.states.at(-1)).toMatchObject({ liveStatus: 'denied', data: undefined, error: { code: 'forbidden' } })
  })

  it('lets ids hold whatever text they like', async () => {
    const id = 'a/b ?#%41 ü$'
    await shop.add(id, 'mug')
    const live = clientOf('ann')
    const cart = watch(live, cartOf(live, id))
    await cart.until(({ data }) => data?.id === id && data.items.length === 1)
  })

  it('tells the log that events came, and nothing of what they say', async () => {
    const live = clientOf('ann')
    const cart = watch(live, cartOf(live, 'a quiet cart'))
    await cart.until(({ isLive }) => isLive)
    const { events } = await shop.events.append({ type: 'Added', data: { cartId: 'a quiet cart', sku: 'a surprise', quantity: 1 } })
    const ofEvent = async (): Promise<string[]> => (await server.logged()).filter((text) => text.includes(String(events[0]?.id)))
    await vi.waitUntil(async () => (await ofEvent()).length > 0, { timeout: PATIENCE_MS })
    expect(await ofEvent()).toHaveLength(1)
    expect((await server.logged()).filter((text) => text.includes('surprise') || text.includes('quiet'))).toEqual([])
  })

  it('equals the projection after the edge, Redis and the line were cut while events were written', async () => {
    let wire = new AbortController()
    const live = clientOf('ann', {
      fetch: (url, init) => fetch(url, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, wire.signal]) : wire.signal }),
    })
    const cut = (): void => {
      const old = wire
      wire = new AbortController()
      old.abort()
    }
    const cart = watch(live, cartOf(live, 'c7'))
    await cart.until(({ isLive }) => isLive)
    const writing = (async () => {
      for (let count = 0; count < 300; count++) await shop.add('c7', `sku-${count % 7}`)
    })()
    cut()
    await redis.kill()
    await cart.until(({ data }) => (data?.items.length ?? 0) > 3)
    await redis.start()
    cut()
    await server.restart()
    await writing
    await cart.until(({ data, isLive }) => isLive && data?.items.reduce((sum, { quantity }) => sum + quantity, 0) === 300)
    expect(cart.data).toEqual(await current('c7'))
    const counts = cart.states.map(({ data }) => data?.items.reduce((sum, { quantity }) => sum + quantity, 0) ?? 0)
    expect(counts.every((count, index) => index === 0 || count >= (counts[index - 1] ?? 0))).toBe(true)
  })
})

function tap(text: string[]): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  const decoder = new TextDecoder()
  return new TransformStream({
    transform(chunk, controller) {
      text.push(decoder.decode(chunk, { stream: true }))
      controller.enqueue(chunk)
    },
  })
}
