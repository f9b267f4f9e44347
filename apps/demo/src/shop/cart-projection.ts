import { defineProjection } from '@zenstack-live/event-sourcing'
import { afterStep, EMPTY_CART, type Cart, type CartEvent } from './cart.ts'

/** The cart of a space, from its events. The browser imports its type, and nothing else of it. */
export const cartProjection = defineProjection({
  name: 'cart',
  query: { types: ['CartStarted', 'ItemAdded', 'ItemRemoved', 'CheckedOut'], by: 'cartId' },
  initial: (): Cart => EMPTY_CART,
  evolve: (cart, { type, data, createdAt }: CartEvent): Cart =>
    afterStep(cart, { type, sku: 'sku' in data ? data.sku : null, by: data.by, at: createdAt.toISOString() }),
})
