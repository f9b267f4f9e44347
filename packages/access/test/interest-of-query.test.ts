import { interestOfQuery } from '@zenstack-live/access'
import { ExpressionUtils as E } from '@zenstackhq/schema'
import { describe, expect, it } from 'vitest'
import { allow, createWorld } from './support/world.ts'

const id = { type: 'Int', column: 'int4', id: true } as const
const data = createWorld(
  {
    User: { fields: { id } },
    Task: {
      fields: {
        id,
        ownerId: { type: 'Int', column: 'int4' },
        status: { type: 'Status', column: 'status' },
        isDone: { type: 'Boolean', column: 'bool' },
      },
      attributes: [
        allow(
          E.binary(E.binary(E.field('status'), '==', E.literal('OPEN')), '&&', E.binary(E.field('ownerId'), '==', E.member(E.call('auth'), ['id']))),
        ),
      ],
    },
  },
  { authType: 'User', enums: { Status: { name: 'Status', values: { OPEN: 'OPEN', DONE: 'DONE' } } } },
)

describe('what a query is looked up by', () => {
  it.each([undefined, { status: 'OPEN' }, { isDone: false }, { status: { in: ['OPEN', 'DONE'] } }])(
    'is whose rows they are, rather than a value that many rows have: %o',
    (where) => {
      const interest = interestOfQuery(data, { model: 'Task', where, isPolicyOn: true, context: { auth: { id: 7 }, now: 0 } })
      expect(interest).toMatchObject({ branches: [{ fields: ['ownerId'], keys: [7] }] })
    },
  )

  it('is that value where nothing else is known', () => {
    expect(interestOfQuery(data, { model: 'Task', where: { status: 'OPEN' }, isPolicyOn: false })).toMatchObject({
      branches: [{ fields: ['status'] }],
    })
  })
})
