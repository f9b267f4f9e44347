import { compileRowPlan, type RowPlan } from '@zenstack-live/access'
import { ExpressionUtils as E, type Expression } from '@zenstackhq/schema'
import type { StoredRow } from '@zenstack-live/model'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { allow, allowField, createWorld } from './support/world.ts'

const at = { type: 'DateTime', column: 'timestamp', optional: true } as const
const OPERATORS = ['==', '!=', '<', '<=', '>', '>='] as const
const SPAN_MS = 20

const side = fc.constantFrom<Expression>(E.field('from'), E.field('to'), E.member(E.call('auth'), ['since']))
const comparison = fc
  .tuple(side, fc.constantFrom(...OPERATORS), fc.boolean())
  .map(([left, operator, isTurned]) => (isTurned ? E.binary(E.call('now'), operator, left) : E.binary(left, operator, E.call('now'))))
const condition = fc.letrec<{ any: Expression }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    comparison,
    fc.tuple(tie('any'), fc.constantFrom('&&' as const, '||' as const), tie('any')).map(([a, op, b]) => E.binary(a, op, b)),
    tie('any').map((inner) => E.not(inner)),
  ),
})).any
const time = fc.option(
  fc.oneof(fc.integer({ min: 0, max: SPAN_MS * 1000 }).map(BigInt), fc.constantFrom<'infinity' | '-infinity'>('infinity', '-infinity')),
)

function planOf(model: Expression, field: Expression): RowPlan {
  const world = createWorld(
    {
      User: { fields: { id: { type: 'Int', column: 'int4', id: true }, since: at } },
      Task: {
        fields: { id: { type: 'Int', column: 'int4', id: true }, from: at, to: { ...at, attributes: [allowField(field)] } },
        attributes: [allow(model)],
      },
    },
    { authType: 'User' },
  )
  return compileRowPlan(world, { model: 'Task', where: { to: { not: null } }, isPolicyOn: true })
}

it('says the next moment at which time alone can change an answer, and none changes before it', () => {
  fc.assert(
    fc.property(condition, condition, time, time, fc.option(fc.nat(SPAN_MS)), (model, field, from, to, since) => {
      const plan = planOf(model, field)
      const row: StoredRow = { id: 1, from, to }
      const auth = since === null ? null : { id: 1, since: new Date(since) }
      const said = (now: number): unknown => [plan.decide(row, { auth, now }), plan.visibleFields(row, { auth, now })]
      for (let now = 0; now <= SPAN_MS; now++) {
        const change = plan.nextChange(row, { auth, now })
        if (change === 'ask-database') throw new Error('It was expected to know.')
        const next = change ?? SPAN_MS + 2
        expect(next).toBeGreaterThan(now)
        for (let later = now + 1; later < Math.min(next, SPAN_MS + 2); later++) expect(said(later)).toEqual(said(now))
      }
    }),
    { numRuns: 100 },
  )
})
