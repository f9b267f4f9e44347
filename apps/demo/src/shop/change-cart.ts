import { defineDecider, type InputOf } from '@zenstack-live/event-sourcing'
import { MAX_QUANTITY, MAX_STEPS, type Cart, type CartEvent, type Sku } from './cart.ts'
import { cartProjection } from './cart-projection.ts'

export type CartCommand = { cartId: string; by: string } & (
  | { do: 'add'; sku: Sku }
  | { do: 'remove'; sku: Sku }
  | { do: 'check-out' }
  | { do: 'start' }
)

/** What the cart does not allow, as a sentence for whoever asked; `by` names the one who was faster. */
export class CartRefusal extends Error {
  override readonly name = 'CartRefusal'
  readonly by: string | undefined

  constructor(message: string, by?: string) {
    super(message)
    this.by = by
  }
}

/**
 * What a command makes of the cart that was read. The event is stored only while nothing else happened to the cart since: of two
 * people who check out at one moment, one is asked again, and finds it done.
 */
export const changeCart = defineDecider({
  models: ({ cartId }: CartCommand) => ({ cart: cartProjection.for(cartId) }),
  decide: ({ cart }, command): InputOf<CartEvent> => decide(cart, command),
})

function decide(cart: Cart, command: CartCommand): InputOf<CartEvent> {
  const { cartId, by } = command
  if (command.do === 'start') return { type: 'CartStarted', data: { cartId, by } }
  if (cart.checkedOut !== null) throw new CartRefusal('This cart is checked out already.', cart.checkedOut.by)
  if (cart.history.length >= MAX_STEPS) throw new CartRefusal('So much has happened to this cart that it has to be checked out or started anew.')
  if (command.do === 'check-out') {
    if (cart.lines.length === 0) throw new CartRefusal('The cart is empty.')
    return { type: 'CheckedOut', data: { cartId, by } }
  }
  const { sku } = command
  const quantity = cart.lines.find((line) => line.sku === sku)?.quantity ?? 0
  if (command.do === 'remove') {
    if (quantity === 0) throw new CartRefusal('Somebody has taken that out already.')
    return { type: 'ItemRemoved', data: { cartId, by, sku } }
  }
  if (quantity >= MAX_QUANTITY) throw new CartRefusal(`A cart holds ${MAX_QUANTITY} of a kind.`)
  return { type: 'ItemAdded', data: { cartId, by, sku } }
}
