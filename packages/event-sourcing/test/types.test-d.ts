import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import {
  createEventClient,
  defineDecider,
  defineEvents,
  defineProjection,
  type EventClient,
  type EventOf,
  type InputOf,
  type LiveProjectionSource,
  type StateOf,
} from '../src/index.ts'
import { emptyCart, evolveCart, shopEvents, shopProjections, type Cart, type ShopEvent } from './support/shop.ts'

declare const client: EventClient<ShopEvent['type'], ShopEvent>

describe('events', () => {
  it('S24: have the data of their own type', () => {
    // @ts-expect-error -- the data of another type
    void client.saveEvent({ type: 'CartCreated', data: { cartId: 'a', productId: 'p', quantity: 1 } })
    // @ts-expect-error -- a type that does not exist
    void client.append({ type: 'CartLost', data: { cartId: 'a' } })
    const wrong = { type: 'CheckedOut', data: { count: 1, productId: 'p' } } as const
    expectTypeOf(wrong).not.toExtend<InputOf<ShopEvent>>()
  })

  it('are named with their fields in filters and conditions', () => {
    // @ts-expect-error -- no such field
    void client.getEventStream(['CartCreated'], { data: { cartNumber: 'a' } })
    // @ts-expect-error -- no such type
    void client.append([], { condition: { failIfEventsMatch: { types: ['Nothing'] } } })
    // @ts-expect-error -- undefined would widen the filter
    void client.getEventStream(['CartCreated'], { data: { cartId: undefined } })
  })

  it('come back with their data, position and metadata', async () => {
    const [event] = await client.getEventStream(['CartCreated'])
    if (event?.type === 'CartCreated') expectTypeOf(event.data).toEqualTypeOf<{ cartId: string; userId: string }>()
    expectTypeOf<NonNullable<typeof event>['position']>().toEqualTypeOf<number>()
  })

  it('take their types from their definitions', () => {
    const definitions = defineEvents({ Renamed: { schema: z.object({ name: z.string() }) }, Closed: { schema: z.object({ at: z.number() }) } })
    expectTypeOf<Extract<EventOf<typeof definitions>, { type: 'Renamed' }>['data']>().toEqualTypeOf<{ name: string }>()
    const typed = createEventClient(drizzlePg(''), shopEvents, shopProjections, { definitions })
    void typed.saveEvent({ type: 'Closed', data: { at: 1 } })
    // @ts-expect-error -- the data of another definition
    void typed.saveEvent({ type: 'Closed', data: { name: 'x' } })
  })
})

describe('the client', () => {
  it('S25: takes databases of every driver, with and without a schema', () => {
    const schema = { shopEvents, shopProjections }
    void createEventClient(drizzlePg(''), shopEvents, shopProjections)
    void createEventClient(drizzlePg('', { schema }), shopEvents, shopProjections)
    void createEventClient(drizzlePostgresJs(''), shopEvents, shopProjections)
    void createEventClient(drizzlePostgresJs('', { schema }), shopEvents, shopProjections)
    void createEventClient(drizzlePglite(), shopEvents, shopProjections)
  })

  it('S25: gives queried projections an object as data when no class is named', async () => {
    const [found] = await client.queryProjections({ type: 'X' })
    expectTypeOf<NonNullable<typeof found>['data']>().toEqualTypeOf<Record<string, unknown>>()
  })

  it('fits where a client of any events is taken', () => {
    expectTypeOf(client).toExtend<EventClient>()
  })
})

describe('deciders and projections', () => {
  const cart = defineProjection({ name: 'cart', query: { types: ['CartCreated'], by: 'cartId' }, initial: emptyCart, evolve: evolveCart })

  it('know their states', () => {
    expectTypeOf<StateOf<typeof cart>>().toEqualTypeOf<Cart>()
    expectTypeOf(client.live(cart)).toEqualTypeOf<LiveProjectionSource<Cart>>()
    void defineDecider({
      models: (command: { cartId: string }) => ({ cart: cart.for(command.cartId) }),
      decide: (states, command) => {
        expectTypeOf(states.cart).toEqualTypeOf<Cart>()
        expectTypeOf(command).toEqualTypeOf<{ cartId: string }>()
        return []
      },
    })
  })

  it('decide on events of the client that runs them', () => {
    const models = { cart: cart.for('a') }
    void client.handle(defineDecider({ models: (_id: string) => models, decide: () => ({ type: 'CheckedOut', data: { cartId: 'a' } }) }), 'a')
    // @ts-expect-error -- no event of this client
    void client.handle(defineDecider({ models: (_id: string) => models, decide: () => ({ type: 'Exploded', data: {} }) }), 'a')
  })
})
