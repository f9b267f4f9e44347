// The code of docs/event-sourcing.md. docs.service.test.ts runs it, and sees to it that the page shows nothing else.
import {
  createEventClient,
  createEventsTable,
  createProjectionsTable,
  defineDecider,
  defineEvents,
  defineProjection,
  isRetryable,
  type EventClient,
  type EventOf,
} from '../../src/index.ts'
import { createMemoryEventClient, projectionSpec, spec } from '../../src/testing/index.ts'
import { z } from 'zod'

// #region tables
export const events = createEventsTable({
  schema: 'shop',
  // What events belong to. Each gets an index, and a lock that appends take.
  identifiers: ['cartId', 'sku', { key: 'tenantId', lock: 'shared' }],
})
export const projections = createProjectionsTable({ schema: 'shop', name: 'views' })
// #endregion

// #region events
export const shopEvents = defineEvents({
  CartCreated: { schema: z.object({ cartId: z.string(), userId: z.string() }) },
  ItemAdded: {
    schema: z.object({ cartId: z.string(), sku: z.string(), quantity: z.number().int().positive() }),
    version: 2,
    // Version 1 had no quantity.
    upcast: { 1: (data) => ({ ...Object(data), quantity: 1 }) },
  },
  CheckedOut: { schema: z.object({ cartId: z.string() }) },
})
export type ShopEvent = EventOf<typeof shopEvents>
// #endregion

type Database = Parameters<typeof createEventClient>[0]
export type ShopClient = EventClient<ShopEvent['type'], ShopEvent>

export function openClient(db: Database): ShopClient {
  // #region client
  const client = createEventClient(db, events, projections, { definitions: shopEvents })
  // #endregion
  return client
}

// #region projection
export interface Cart {
  userId: string
  items: Record<string, number>
  isCheckedOut: boolean
}

export const cart = defineProjection({
  name: 'cart',
  query: { types: ['CartCreated', 'ItemAdded', 'CheckedOut'], by: 'cartId' },
  initial: (): Cart => ({ userId: '', items: {}, isCheckedOut: false }),
  evolve: (state, event: ShopEvent) => {
    switch (event.type) {
      case 'CartCreated':
        return { ...state, userId: event.data.userId }
      case 'ItemAdded':
        return { ...state, items: { ...state.items, [event.data.sku]: (state.items[event.data.sku] ?? 0) + event.data.quantity } }
      default:
        return { ...state, isCheckedOut: true }
    }
  },
})
// #endregion

// #region decider
export const checkOut = defineDecider({
  models: (command: { cartId: string }) => ({ cart: cart.for(command.cartId) }),
  decide: (states, { cartId }) => {
    if (states.cart.isCheckedOut) throw new Error('This cart is checked out already.')
    if (Object.keys(states.cart.items).length === 0) throw new Error('This cart is empty.')
    return { type: 'CheckedOut', data: { cartId } }
  },
})
// #endregion

export async function writeFirstEvents(client: ShopClient): Promise<void> {
  // #region write
  await client.saveEvent({ type: 'CartCreated', data: { cartId: 'cart-1', userId: 'ann' } })
  await client.append(
    { type: 'ItemAdded', data: { cartId: 'cart-1', sku: 'pen', quantity: 2 } },
    {
      condition: { failIfEventsMatch: { types: ['CheckedOut'], identifier: { cartId: 'cart-1' } } },
      idempotencyKey: 'request-17',
      metadata: { userId: 'ann' },
    },
  )
  // #endregion
}

export async function decideByHand(client: ShopClient): Promise<void> {
  // #region decide
  const { state, condition } = await client.decide({ cart: cart.for('cart-1') })
  if (!state.cart.isCheckedOut) {
    await client.append({ type: 'ItemAdded', data: { cartId: 'cart-1', sku: 'ink', quantity: 1 } }, { condition })
  }
  // #endregion
}

export async function handle(client: ShopClient): Promise<string | undefined> {
  // #region handle
  try {
    await client.handle(checkOut, { cartId: 'cart-1' }, { idempotencyKey: 'checkout-of-cart-1' })
  } catch (error) {
    if (isRetryable(error)) return 'The cart is busy. Try again.'
    throw error
  }
  // #endregion
  return undefined
}

export async function follow(client: ShopClient, signal: AbortSignal, send: (event: ShopEvent) => Promise<void>): Promise<void> {
  // #region subscribe
  for await (const event of client.subscribe({ query: { types: ['CheckedOut'] }, from: 0, signal })) {
    await send(event)
  }
  // #endregion
}

export async function keep(client: ShopClient, signal: AbortSignal, log: (error: unknown) => void): Promise<void> {
  // #region keep
  await client.runProjections([cart], { signal, onError: log })
  // #endregion
}

export async function show(client: ShopClient, send: (frame: unknown) => void, signal: AbortSignal): Promise<void> {
  // #region live
  const source = client.live(cart)
  const reader = source.open()
  for await (const frame of reader.watch('cart-1', { signal })) send(frame)
  await reader.close()
  // #endregion
}

export function testByWords(): void {
  // #region spec
  spec(checkOut)
    .given({ type: 'ItemAdded', data: { cartId: 'a', sku: 'pen', quantity: 1 } })
    .when({ cartId: 'a' })
    .then({ type: 'CheckedOut', data: { cartId: 'a' } })
  spec(checkOut).given().when({ cartId: 'a' }).thenThrows('empty')
  projectionSpec(cart)
    .given({ type: 'CartCreated', data: { cartId: 'a', userId: 'ann' } })
    .then('a', { userId: 'ann', items: {}, isCheckedOut: false })
  const client = createMemoryEventClient({ definitions: shopEvents, identifiers: ['cartId', 'sku'] })
  // #endregion
  if (typeof client.append !== 'function') throw new Error('The memory client cannot append.')
}
