import { createMemoryStore } from '../src/testing/memory-store.ts'
import { createClientOver } from '../src/client.ts'
import { DEFAULT_LIMITS } from '../src/limits.ts'
import { describeEventStore } from './support/contract.ts'
import type { ShopClient } from './support/shop-models.ts'

describeEventStore('the event store in memory', async () => {
  const store = createMemoryStore([
    { key: 'cartId', lock: 'exclusive' },
    { key: 'productId', lock: 'exclusive' },
  ])
  return {
    // The client is the same for all event types; the tests give it the shop's.
    clientWith: (options) => createClientOver(store, { ...options, limits: { ...DEFAULT_LIMITS, ...options.limits } }) as unknown as ShopClient,
    close: async () => {},
  }
})
