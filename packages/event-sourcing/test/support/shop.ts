import { createEventsTable, createProjectionsTable, type InputOf } from '../../src/index.ts'

interface ShopEventFields {
  id: string
  createdAt: Date
  updatedAt: Date
}

export type ShopEvent = ShopEventFields &
  (
    | { type: 'CartCreated'; data: { cartId: string; userId: string } }
    | { type: 'ItemAdded'; data: { cartId: string; productId: string; quantity: number } }
    | { type: 'CheckedOut'; data: { cartId: string } }
    | { type: 'StockCounted'; data: { productId: string; count: number } }
  )

export type ShopInput = InputOf<ShopEvent>

export interface Cart {
  id: string
  userId: string
  items: { productId: string; quantity: number }[]
  isCheckedOut: boolean
}

/** One step of a cart, as every kind of projection in these tests uses it. */
export function evolveCart(cart: Cart, event: ShopEvent): Cart {
  switch (event.type) {
    case 'CartCreated':
      return { ...cart, userId: event.data.userId }
    case 'ItemAdded':
      return { ...cart, items: [...cart.items, { productId: event.data.productId, quantity: event.data.quantity }] }
    case 'CheckedOut':
      return { ...cart, isCheckedOut: true }
    default:
      return cart
  }
}

export function emptyCart(id: string): Cart {
  return { id, userId: '', items: [], isCheckedOut: false }
}

export const CART_TYPES: ('CartCreated' | 'ItemAdded' | 'CheckedOut')[] = ['CartCreated', 'ItemAdded', 'CheckedOut']

export const shopEvents = createEventsTable({ schema: 'shop', identifiers: ['cartId', 'productId'] })
export const shopProjections = createProjectionsTable({ schema: 'shop', name: 'views' })
