import { createEventClient, createEventsTable, createProjectionsTable, isRetryable, type EventClient } from '@zenstack-live/event-sourcing'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Hono, type Context } from 'hono'
import pg from 'pg'
import type { LiveProjections } from 'zenstack-live'
import { PRODUCTS, type CartEvent } from '../shop/cart.ts'
import { cartProjection } from '../shop/cart-projection.ts'
import { CartRefusal, changeCart, type CartCommand } from '../shop/change-cart.ts'
import type { Database, DemoClient } from './database.ts'
import { SAMPLE_CARTS } from './sample-data.ts'

export interface Shop {
  /** What the live edge may show, to whom. */
  readonly projections: LiveProjections
  /** `POST /{spaceId}/{command}` */
  routes(getClient: (context: Context) => Promise<DemoClient>): Hono
  /** Starts every cart anew, as the demo opens with it. What happened before stays in the events. */
  refill(): Promise<void>
  close(): Promise<void>
}

/** One cart for each space, kept as events. The policies say who may see a space; whoever may, may see its cart. */
export async function openShop(databaseUrl: string, database: Database): Promise<Shop> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 5 })
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}))
  const carts: EventClient<CartEvent['type'], CartEvent> = createEventClient<CartEvent['type'], CartEvent>(
    drizzle(pool),
    createEventsTable({ schema: 'shop', identifiers: ['cartId'] }),
    createProjectionsTable({ schema: 'shop', name: 'views' }),
  )
  await carts.install()
  const refill = async (): Promise<void> => {
    for (const [cartId, items] of Object.entries(SAMPLE_CARTS)) {
      await carts.saveEvents([
        { type: 'CartStarted', data: { cartId, by: 'mara' } },
        ...items.map(({ by, sku }) => ({ type: 'ItemAdded' as const, data: { cartId, by, sku } })),
      ])
    }
  }
  if ((await carts.project(cartProjection, 'opening')).state.history.length === 0) await refill()

  return {
    projections: {
      // #region register
      cart: {
        projection: carts.live(cartProjection),
        async authorize(auth, spaceId) {
          const client = await database.clientOf(typeof auth?.['id'] === 'string' ? auth['id'] : undefined)
          return client.space.exists({ where: { id: spaceId } })
        },
      },
      // #endregion
    },
    routes: (getClient) => shopRoutes(carts, getClient),
    refill,
    close: () => pool.end(),
  }
}

function shopRoutes(carts: EventClient<CartEvent['type'], CartEvent>, getClient: (context: Context) => Promise<DemoClient>): Hono {
  return new Hono().post('/:spaceId/:command', async (context) => {
    const client = await getClient(context)
    const { spaceId } = context.req.param()
    const person = client.$auth
    if (person === undefined || person.role === 'GUEST' || !(await client.space.exists({ where: { id: spaceId } })))
      return context.json({ message: 'This is not your cart to change.' }, 403)
    const command = commandOf(context.req.param('command'), context.req.query('sku'), { cartId: spaceId, by: String(person.id) })
    if (command === undefined) return context.json({ message: 'There is no such thing to do or to buy.' }, 404)
    try {
      await carts.handle(changeCart, command)
      return context.json({})
    } catch (error) {
      if (error instanceof CartRefusal) return context.json({ message: error.message, by: error.by }, 409)
      if (isRetryable(error)) return context.json({ message: 'The cart is busy. Try again.' }, 503)
      throw error
    }
  })
}

function commandOf(name: string, sku: string | undefined, common: { cartId: string; by: string }): CartCommand | undefined {
  if (name === 'check-out' || name === 'start') return { ...common, do: name }
  const product = PRODUCTS.find((one) => one.sku === sku)
  if (product === undefined || (name !== 'add' && name !== 'remove')) return undefined
  return { ...common, do: name, sku: product.sku }
}
