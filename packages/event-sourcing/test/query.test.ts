import { describe, expect, it } from 'vitest'
import { commonPin, conditionFrom, isPinned, leadIdentifier, matchesItem, normalizeQuery } from '../src/query.ts'
import type { Identifier } from '../src/table-config.ts'

const identifiers: Identifier[] = [
  { key: 'tenantId', lock: 'shared' },
  { key: 'cartId', lock: 'exclusive' },
  { key: 'userId', lock: 'exclusive' },
]

describe('normalizeQuery', () => {
  it('turns values into the text that the database compares', () => {
    expect(normalizeQuery({ identifier: { a: 1, b: true, c: ['x', 2] } })).toEqual([{ identifier: { a: ['1'], b: ['true'], c: ['x', '2'] } }])
  })

  it.each([
    ['no items', []],
    ['no types', { types: [] }],
    ['undefined', { identifier: { a: undefined } }],
    ['null', { identifier: { a: null } }],
    ['an object', { identifier: { a: {} } }],
    ['no number', { identifier: { a: Number.NaN } }],
    ['a number that Postgres writes in another way', { identifier: { a: 1e-7 } }],
  ])('refuses %s', (_name, query) => {
    expect(() => normalizeQuery(query)).toThrow(TypeError)
  })
})

describe('matchesItem', () => {
  it('needs the type and every identifier', () => {
    const item = { types: ['A'], identifier: { a: ['1', '2'], b: ['true'] } }
    expect(matchesItem({ type: 'A', data: { a: 2, b: true } }, item)).toBe(true)
    expect(matchesItem({ type: 'B', data: { a: 2, b: true } }, item)).toBe(false)
    expect(matchesItem({ type: 'A', data: { a: 3, b: true } }, item)).toBe(false)
    expect(matchesItem({ type: 'A', data: { a: 1, b: null } }, item)).toBe(false)
    expect(matchesItem({ type: 'A', data: null }, item)).toBe(false)
  })

  it('does not take what every object inherits for data', () => {
    expect(matchesItem({ type: 'A', data: {} }, { identifier: { toString: [String(Object.prototype.toString)] } })).toBe(false)
  })
})

describe('what pins an item', () => {
  it('is an exclusive identifier before a shared one', () => {
    const [both] = normalizeQuery({ identifier: { tenantId: 't', cartId: 'c' } })
    const [shared] = normalizeQuery({ identifier: { tenantId: 't', other: 'o' } })
    expect(both && leadIdentifier(both, identifiers)?.key).toBe('cartId')
    expect(shared && leadIdentifier(shared, identifiers)?.key).toBe('tenantId')
    expect([both && isPinned(both, identifiers), shared && isPinned(shared, identifiers)]).toEqual([true, false])
  })

  it('is common only when all items carry the same value of the same identifier', () => {
    expect(commonPin(normalizeQuery([{ types: ['A'], identifier: { cartId: 'c' } }, { identifier: { cartId: 'c' } }]), identifiers)).toBe('cartId=c')
    expect(commonPin(normalizeQuery([{ identifier: { cartId: 'c' } }, { identifier: { userId: 'c' } }]), identifiers)).toBeUndefined()
    expect(commonPin(normalizeQuery({ identifier: { cartId: ['a', 'b'] } }), identifiers)).toBeUndefined()
    expect(commonPin(normalizeQuery({ types: ['A'] }), identifiers)).toBeUndefined()
    expect(commonPin(normalizeQuery({ identifier: { tenantId: 't' } }), identifiers)).toBeUndefined()
  })
})

describe('conditionFrom', () => {
  it('gives each pinned value the last position that was seen there', () => {
    const items = normalizeQuery([{ identifier: { cartId: ['a', 'b'] } }, { types: ['Stock'] }])
    const events = [
      { type: 'X', data: { cartId: 'a' }, position: 4 },
      { type: 'Stock', data: {}, position: 9 },
      { type: 'X', data: { cartId: 'a' }, position: 6 },
    ]
    expect(conditionFrom(items, events, identifiers)).toEqual([
      { identifier: { cartId: ['a'] }, after: 6 },
      { identifier: { cartId: ['b'] }, after: 0 },
      { types: ['Stock'], identifier: {}, after: 9 },
    ])
  })
})
