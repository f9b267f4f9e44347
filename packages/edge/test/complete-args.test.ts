import type { DataModel, Model } from '@zenstack-live/model'
import { expect, it } from 'vitest'
import { completeArgs } from '../src/queries/complete-args.ts'

it('orders by the id where a field of the order has no value, as in what a browser may send', () => {
  const model = { name: 'Note', idFields: ['id'], fields: new Map(), relations: new Map() } as unknown as Model
  const args = { orderBy: [{ id: undefined }, { rank: 'desc' }], take: 2 }
  const { args: completed } = completeArgs({} as DataModel, { model, operation: 'findMany', args, clientOptions: {}, maxRows: 10 })
  expect(completed).toEqual({ orderBy: [{ id: undefined }, { rank: 'desc' }, { id: 'asc' }], take: 2 })
})
