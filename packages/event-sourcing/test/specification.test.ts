import { describe, expect, it } from 'vitest'
import { defineDecider, defineProjection } from '../src/index.ts'
import { projectionSpec, spec } from '../src/testing/index.ts'
import { CART_TYPES, emptyCart, evolveCart } from './support/shop.ts'

const cart = defineProjection({ name: 'cart', query: { types: CART_TYPES, by: 'cartId' }, initial: emptyCart, evolve: evolveCart })

class AlreadyCheckedOut extends Error {}

const checkOut = defineDecider({
  models: ({ cartId }: { cartId: string; force?: boolean }) => ({ cart: cart.for(cartId) }),
  decide: ({ cart: state }, { cartId, force = false }) => {
    if (state.userId === '') return []
    if (state.isCheckedOut && !force) throw new AlreadyCheckedOut('already checked out')
    return [{ type: 'CheckedOut', data: { cartId } }]
  },
})

const created = { type: 'CartCreated', data: { cartId: 'a', userId: 'ann' } }
const done = { type: 'CheckedOut', data: { cartId: 'a' } }

describe('spec', () => {
  const given = spec(checkOut).given(created)

  it('passes for what was decided, nothing and what was thrown', () => {
    given.when({ cartId: 'a' }).then({ type: 'CheckedOut', data: { cartId: 'a' } })
    given.when({ cartId: 'another' }).thenNothing()
    const refused = given.given(done).when({ cartId: 'a' })
    refused.thenThrows()
    refused.thenThrows(AlreadyCheckedOut)
    refused.thenThrows('already')
    refused.thenThrows(/checked out$/)
    refused.thenThrows((error) => error instanceof AlreadyCheckedOut)
  })

  it('fails for anything else, and says what was decided', () => {
    expect(() => given.when({ cartId: 'a' }).then({ type: 'CheckedOut', data: { cartId: 'b' } })).toThrow(/"cartId": "a"/)
    expect(() => given.when({ cartId: 'a' }).thenNothing()).toThrow(/CheckedOut/)
    expect(() => given.when({ cartId: 'a' }).thenThrows()).toThrow(/accepted/)
    expect(() => given.when({ cartId: 'none' }).then({ type: 'CheckedOut', data: { cartId: 'none' } })).toThrow()
    const refused = given.given(done).when({ cartId: 'a' })
    expect(() => refused.then({ type: 'CheckedOut', data: { cartId: 'a' } })).toThrow(AlreadyCheckedOut)
    expect(() => refused.thenNothing()).toThrow(AlreadyCheckedOut)
    expect(() => refused.thenThrows(TypeError)).toThrow(/not as expected/)
    expect(() => refused.thenThrows('something else')).toThrow(/not as expected/)
    expect(() => refused.events).toThrow(AlreadyCheckedOut)
  })

  it('does not carry events from one branch to another', () => {
    given.given(done)
    expect(given.when({ cartId: 'a' }).events).toEqual([done])
  })
})

describe('projectionSpec', () => {
  it('passes for the state and fails for another', () => {
    const given = projectionSpec(cart).given(created, { type: 'ItemAdded', data: { cartId: 'a', productId: 'pen', quantity: 1 } })
    given.then('a', { id: 'a', userId: 'ann', items: [{ productId: 'pen', quantity: 1 }], isCheckedOut: false })
    given.then('b', emptyCart('b'))
    expect(() => given.then('a', emptyCart('a'))).toThrow(/"userId": "ann"/)
  })
})
