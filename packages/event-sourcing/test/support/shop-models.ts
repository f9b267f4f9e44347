import { defineDecider, defineProjection, ProjectionBase, type EventClient } from '../../src/index.ts'
import { CART_TYPES, emptyCart, evolveCart, type ShopEvent } from './shop.ts'

export type ShopClient = EventClient<ShopEvent['type'], ShopEvent>

export const cartProjection = defineProjection({
  name: 'cart',
  query: { types: CART_TYPES, by: 'cartId' },
  initial: emptyCart,
  evolve: evolveCart,
})

export class AlreadyCheckedOut extends Error {}

export const checkOut = defineDecider({
  models: (command: { cartId: string }) => ({ cart: cartProjection.for(command.cartId) }),
  decide: ({ cart }, { cartId }) => {
    if (cart.isCheckedOut) throw new AlreadyCheckedOut()
    return { type: 'CheckedOut', data: { cartId } }
  },
})

export class CartClass extends ProjectionBase<
  ShopEvent['type'],
  ShopEvent,
  ShopClient,
  { userId: string; count: number },
  'CartCreated' | 'ItemAdded' | 'CheckedOut'
> {
  readonly #cartId: string

  constructor(cartId: string, client: ShopClient) {
    super(client)
    this.#cartId = cartId
  }

  protected override get eventTypes(): typeof CART_TYPES {
    return CART_TYPES
  }

  protected override get projectionType(): string {
    return 'CART_CLASS'
  }

  override get id(): string {
    return this.#cartId
  }

  protected override getEventIdentifiers(): { cartId: string } {
    return { cartId: this.#cartId }
  }

  override async asJson(): Promise<{ userId: string; count: number }> {
    return {
      userId: await this.reduceEvents((userId, event) => (event.type === 'CartCreated' ? event.data.userId : userId), ''),
      count: await this.reduceEvents((count, event) => (event.type === 'ItemAdded' ? count + event.data.quantity : count), 0),
    }
  }
}
