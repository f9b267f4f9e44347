import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineModel, defineProjection, SINGLE_ID } from '../src/index.ts'

const schema = z.object({})
const options = { query: { types: ['A'] }, initial: () => 0, evolve: (count: number) => count + 1 }

describe('defineEvents', () => {
  it('refuses a version without the steps that lead to it', () => {
    expect(() => defineEvents({ A: { schema, version: 3, upcast: { 1: (data) => data } } })).toThrow(/no upcaster from version 2/)
    expect(() => defineEvents({ A: { schema, version: 0 } })).toThrow(TypeError)
    expect(() => defineEvents({ A: { schema, version: 1.5 } })).toThrow(TypeError)
  })
})

describe('defineProjection', () => {
  it.each([
    ['no name', { ...options, name: '' }],
    ['a name of our own', { ...options, name: '$checkpoint' }],
    ['no types', { ...options, name: 'a', query: { types: [] } }],
    ['no streams', { ...options, name: 'a', query: [] }],
    ['version 0', { ...options, name: 'a', version: 0 }],
  ])('refuses %s', (_name, wrong) => {
    expect(() => defineProjection(wrong)).toThrow(TypeError)
  })

  it('finds the ids of an event in the fields its streams name', () => {
    const projection = defineProjection({
      ...options,
      name: 'a',
      query: [
        { types: ['A', 'B'], by: 'cartId' },
        { types: ['B'], by: 'otherId' },
      ],
    })
    expect(projection.idsOf({ type: 'A', data: { cartId: 'c', otherId: 'o' } })).toEqual(['c'])
    expect(projection.idsOf({ type: 'B', data: { cartId: 'c', otherId: 'o' } })).toEqual(['c', 'o'])
    expect(projection.idsOf({ type: 'B', data: { cartId: 'c', otherId: 'c' } })).toEqual(['c'])
    expect(projection.idsOf({ type: 'A', data: {} })).toEqual([])
    expect(projection.idsOf({ type: 'C', data: { cartId: 'c' } })).toEqual([])
  })

  it('has one id where its events name none, and every id where only some do', () => {
    const single = defineProjection({ ...options, name: 'a' })
    expect([single.isKeyed, single.idsOf({ type: 'A', data: {} })]).toEqual([true, [SINGLE_ID]])
    const mixed = defineProjection({ ...options, name: 'a', query: [{ types: ['A'], by: 'cartId' }, { types: ['B'] }] })
    expect([mixed.isKeyed, mixed.idsOf({ type: 'B', data: {} })]).toEqual([false, undefined])
  })
})

describe('defineModel', () => {
  it('checks its query', () => {
    expect(() => defineModel({ query: [], initial: 0, evolve: (count) => count })).toThrow(TypeError)
  })
})
