import { describe, expect, it, vi } from 'vitest'
import { createClientOver } from '../src/client.ts'
import { createEventCodec } from '../src/define-events.ts'
import { DEFAULT_LIMITS } from '../src/limits.ts'
import { LiveReader } from '../src/live/live-reader.ts'
import type { EventStore } from '../src/store.ts'
import { createMemoryStore } from '../src/testing/memory-store.ts'
import { createWaker } from '../src/waker.ts'
import { showFrames, take } from './support/frames.ts'
import { cartProjection, type ShopClient } from './support/shop-models.ts'

describe('a reader of live projections', () => {
  it('goes on with a watcher that came while the load of another before it had yet to fail', async () => {
    const memory = createMemoryStore()
    const firstLoad = Promise.withResolvers<never>()
    let loadCount = 0
    const tailEnd = Promise.withResolvers<undefined>()
    let headCount = 0
    const store: EventStore = {
      ...memory,
      findProjections: async (query, tx) => (loadCount++ === 0 ? firstLoad.promise : memory.findProjections(query, tx)),
      async head(tx) {
        // The first one finds where to begin, the second is the tail's.
        if (headCount++ !== 1) return memory.head(tx)
        await tailEnd.promise
        throw new Error('The tail ends here.')
      },
    }
    // The client is the same for all event types; this one has the shop's.
    const client = createClientOver(store, { limits: DEFAULT_LIMITS }) as unknown as ShopClient
    const reader = client.live(cartProjection).open()
    const failing = take(reader.watch('a'))
    const failed = expect(failing).rejects.toThrow('The load failed.')
    await vi.waitFor(() => expect([loadCount, headCount]).toEqual([1, 2]))
    tailEnd.resolve(undefined)
    // The reader has noticed when nothing is left to do.
    await new Promise((resolve) => setImmediate(resolve))
    const frames = reader.watch('a')
    const snapshot = await take(frames)
    firstLoad.reject(new Error('The load failed.'))
    await failed
    await client.saveEvent({ type: 'CartCreated', data: { cartId: 'a', userId: 'ann' } })
    expect(showFrames([snapshot, await take(frames)])).toMatchObject({ userId: 'ann' })
    await reader.close()
  })

  it('goes on for others where what came during a load cannot be applied', async () => {
    const store = createMemoryStore()
    const client = createClientOver(store, { limits: DEFAULT_LIMITS }) as unknown as ShopClient
    const load = Promise.withResolvers<void>()
    const reader = new LiveReader<readonly string[]>(
      { store, codec: createEventCodec(undefined), limits: DEFAULT_LIMITS, waker: createWaker() },
      {
        items: [{ identifier: {} }],
        idsOf(event) {
          load.resolve()
          return [String(Reflect.get(Object(event.data), 'cartId'))]
        },
        async load(id, upTo) {
          if (id === 'broken') await load.promise
          return { state: [], position: upTo }
        },
        apply(watched, id, event) {
          if (id === 'broken') throw new RangeError('cannot be')
          watched.publish([...watched.state, event.type], event.position)
        },
        replay: async () => undefined,
      },
    )
    const whole = reader.watch('whole')
    await take(whole)
    const failed = expect(take(reader.watch('broken'))).rejects.toThrow('cannot be')
    await new Promise((resolve) => setImmediate(resolve))
    const created = (cartId: string) => ({ type: 'CartCreated' as const, data: { cartId, userId: 'ann' } })
    await client.saveEvents([...Array.from({ length: 10 }, () => created('broken')), created('whole')])
    reader.wake()
    await failed
    expect(await take(whole)).toMatchObject({ kind: 'patch' })
    await reader.close()
  })
})
