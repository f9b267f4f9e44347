import type { DataModel, Model } from '@zenstack-live/model'
import { describe, expect, it } from 'vitest'
import { completeArgs } from '../src/queries/complete-args.ts'

it('orders by the id where a field of the order has no value, as in what a browser may send', () => {
  const model = { name: 'Note', idFields: ['id'], fields: new Map(), relations: new Map() } as unknown as Model
  const args = { orderBy: [{ id: undefined }, { rank: 'desc' }], take: 2 }
  const { args: completed } = completeArgs({} as DataModel, {
    model,
    operation: 'findMany',
    args,
    clientOptions: {},
    maxRows: 10,
    isKeyReadable: true,
  })
  expect(completed).toEqual({ orderBy: [{ id: undefined }, { rank: 'desc' }, { id: 'asc' }], take: 2 })
})

describe('an id that a client keeps from being asked for', () => {
  const fields = new Map([
    ['id', { isOmitted: false }],
    ['body', { isOmitted: false }],
  ])
  const model = { name: 'Note', idFields: ['id'], fields, relations: new Map() } as unknown as Model
  const complete = (args: unknown, clientOptions: object, isKeyReadable = true) =>
    completeArgs({} as DataModel, { model, operation: 'findUnique', args, clientOptions, maxRows: 10, isKeyReadable })
  const strict = { allowQueryTimeOmitOverride: false }

  it('is asked for where only the query leaves it out', () => {
    expect(complete({ omit: { id: true, body: true } }, strict)).toEqual({ args: { omit: { body: true } }, hiddenFields: new Set(['id']) })
    expect(complete({ omit: { id: true } }, {})).toEqual({ args: { omit: { id: false } }, hiddenFields: new Set(['id']) })
    expect(complete({ select: { body: true } }, strict)).toEqual({ args: { select: { body: true, id: true } }, hiddenFields: new Set(['id']) })
  })

  it('is refused where the client leaves it out, once and for all, with what to do', () => {
    const leavesOut = { ...strict, omit: { note: { id: true } } }
    for (const args of [{}, { omit: { id: true } }, { select: { body: true } }])
      expect(() => complete(args, leavesOut)).toThrow(
        expect.objectContaining({ code: 'not_live', message: expect.stringContaining('allow the override') }),
      )
    expect(complete({}, { omit: { note: { id: true } } })).toEqual({ args: { omit: { id: false } }, hiddenFields: new Set(['id']) })
  })

  it('is not missed where rows are told apart without it', () => {
    const leavesOut = { ...strict, omit: { note: { id: true } } }
    expect(complete({ select: { body: true } }, leavesOut, false)).toEqual({ args: { select: { body: true } }, hiddenFields: new Set() })
  })
})
