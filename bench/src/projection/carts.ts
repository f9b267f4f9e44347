import {
  createEventClient,
  createEventsTable,
  createProjectionsTable,
  defineProjection,
  ProjectionBase,
  type EventClient,
} from '@zenstack-live/event-sourcing'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'

type Stored = { id: string; createdAt: Date; updatedAt: Date }
export type CartEvent = Stored & { type: 'Added' | 'Removed'; data: { cartId: string; sku: string } }
export type CartClient = EventClient<CartEvent['type'], CartEvent>
export interface Cart {
  lines: { sku: string; quantity: number }[]
  count: number
}

const TYPES: CartEvent['type'][] = ['Added', 'Removed']

function evolve(cart: Cart, { type, data: { sku } }: CartEvent): Cart {
  const step = type === 'Added' ? 1 : -1
  const lines = cart.lines.some((line) => line.sku === sku) ? cart.lines : [...cart.lines, { sku, quantity: 0 }]
  return {
    count: cart.count + 1,
    lines: lines.map((line) => (line.sku === sku ? { sku, quantity: line.quantity + step } : line)).filter(({ quantity }) => quantity !== 0),
  }
}

export const cartProjection = defineProjection({
  name: 'cart',
  query: { types: TYPES, by: 'cartId' },
  initial: (): Cart => ({ lines: [], count: 0 }),
  evolve,
})

/** The same as a class: what its `asJson()` gives is what a browser has to show in the end. */
export class CartClass extends ProjectionBase<CartEvent['type'], CartEvent, CartClient, { lines: Cart['lines']; count: number }, CartEvent['type']> {
  readonly #cartId: string

  constructor(cartId: string, client: CartClient) {
    super(client)
    this.#cartId = cartId
  }

  protected override get eventTypes(): typeof TYPES {
    return TYPES
  }

  protected override get projectionType(): string {
    return 'CART'
  }

  override get id(): string {
    return this.#cartId
  }

  protected override getEventIdentifiers(): { cartId: string } {
    return { cartId: this.#cartId }
  }

  override async asJson(): Promise<Cart> {
    return this.reduceEvents(evolve, { lines: [], count: 0 })
  }
}

export function openCarts(pool: pg.Pool): CartClient {
  return createEventClient<CartEvent['type'], CartEvent>(
    drizzle(pool),
    createEventsTable({ schema: 'shop', identifiers: ['cartId'] }),
    createProjectionsTable({ schema: 'shop', name: 'views' }),
  )
}
