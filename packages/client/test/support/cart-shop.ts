import {
  createEventClient,
  createEventsTable,
  createProjectionsTable,
  defineProjection,
  ProjectionBase,
  type EventClient,
} from '@zenstack-live/event-sourcing'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import type { LiveProjection, LiveProjections } from 'zenstack-live'

interface Stored {
  id: string
  createdAt: Date
  updatedAt: Date
}

export type CartEvent = Stored &
  ({ type: 'Added'; data: { cartId: string; sku: string; quantity: number } } | { type: 'CheckedOut'; data: { cartId: string; at: string } })

export interface Cart {
  id: string
  items: { sku: string; quantity: number }[]
  note: { text: string }
  checkedOutAt: Date | null
}

const TYPES: CartEvent['type'][] = ['Added', 'CheckedOut']

export const cartProjection = defineProjection({
  name: 'cart',
  query: { types: TYPES, by: 'cartId' },
  initial: (id): Cart => ({ id, items: [], note: { text: 'never changed' }, checkedOutAt: null }),
  evolve(cart, event: CartEvent): Cart {
    if (event.type === 'CheckedOut') return { ...cart, checkedOutAt: new Date(event.data.at) }
    const { sku, quantity } = event.data
    const known = cart.items.find((item) => item.sku === sku)
    if (known === undefined) return { ...cart, items: [...cart.items, { sku, quantity }] }
    return { ...cart, items: cart.items.map((item) => (item === known ? { sku, quantity: item.quantity + quantity } : item)) }
  },
})

type CartClient = EventClient<CartEvent['type'], CartEvent>

/** The same as a class in the manner of the seed. */
export class CartTotal extends ProjectionBase<CartEvent['type'], CartEvent, CartClient, { total: number }, CartEvent['type']> {
  readonly #cartId: string

  constructor(cartId: string, client: CartClient) {
    super(client)
    this.#cartId = cartId
  }

  protected override get eventTypes(): typeof TYPES {
    return TYPES
  }

  protected override get projectionType(): string {
    return 'CART_TOTAL'
  }

  override get id(): string {
    return this.#cartId
  }

  protected override getEventIdentifiers(): { cartId: string } {
    return { cartId: this.#cartId }
  }

  override async asJson(): Promise<{ total: number }> {
    return { total: await this.reduceEvents((total, event) => (event.type === 'Added' ? total + event.data.quantity : total), 0) }
  }
}

export interface CartShop {
  readonly events: CartClient
  readonly projections: LiveProjections
  add(cartId: string, sku: string, quantity?: number): Promise<unknown>
  close(): Promise<void>
}

/** Carts in a database of their own, and what of them may be watched by whom. */
export async function openCartShop(url: string, authorize: NonNullable<LiveProjection['authorize']>): Promise<CartShop> {
  const pool = new pg.Pool({ connectionString: url, max: 5 })
  pool.on('error', () => {})
  const tables = [createEventsTable({ schema: 'shop', identifiers: ['cartId'] }), createProjectionsTable({ schema: 'shop', name: 'views' })] as const
  const events = createEventClient<CartEvent['type'], CartEvent>(drizzle(pool), ...tables)
  await events.install()
  const total = events.live({
    name: 'total',
    query: { types: TYPES, by: 'cartId' },
    open: (id: string) => new CartTotal(id, events),
  })
  return {
    events,
    projections: {
      cart: { projection: events.live(cartProjection), authorize },
      total: { projection: total, authorize },
      secret: { projection: events.live(cartProjection) },
    },
    add: (cartId, sku, quantity = 1) => events.append({ type: 'Added', data: { cartId, sku, quantity } }),
    close: () => pool.end(),
  }
}
