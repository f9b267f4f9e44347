import { compileRowPlan, KeySet, reachOfQuery } from '@zenstack-live/access'
import type { StoredRow } from '@zenstack-live/model'
import { ExpressionUtils as E, type Expression } from '@zenstackhq/schema'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allow, createWorld } from './support/world.ts'

const AUTH_ID: Expression = E.member(E.call('auth'), ['id'])
const IS_MEMBER: Expression = E.binary(E.member(E.field('list'), ['members']), '?', E.binary(E.field('userId'), '==', AUTH_ID))

const id = { type: 'Int', column: 'int4', id: true }
const whole = { type: 'Int', column: 'int4', optional: true }
const data = createWorld(
  {
    User: { fields: { id } },
    List: { fields: { id }, relations: { members: { type: 'Member', array: true, relation: { opposite: 'list' } } } },
    Member: {
      fields: { id, listId: whole, userId: whole },
      relations: { list: { type: 'List', relation: { opposite: 'members', fields: ['listId'], references: ['id'] } } },
    },
    Task: {
      fields: { id, listId: whole, ownerId: whole, isOpen: { type: 'Boolean', column: 'bool' } },
      relations: { list: { type: 'List', relation: { fields: ['listId'], references: ['id'] } } },
      attributes: [allow(E.binary(E.field('ownerId'), '==', AUTH_ID)), allow(E.binary(E.field('isOpen'), '&&', IS_MEMBER))],
    },
    Log: {
      fields: { id, listId: whole, isOpen: { type: 'Boolean', column: 'bool' } },
      relations: { list: { type: 'List', relation: { fields: ['listId'], references: ['id'] } } },
      attributes: [allow(IS_MEMBER)],
    },
  },
  { authType: 'User' },
)

const small = fc.integer({ min: 0, max: 3 })
const pin = fc.oneof(
  small,
  small.map((equals) => ({ equals })),
  fc.array(small, { maxLength: 3 }).map((list) => ({ in: list })),
  small.map((not) => ({ not })),
  small.map((gt) => ({ gt })),
  fc.constant(null),
)
const where = fc.oneof(
  fc.constant(undefined),
  pin.map((listId) => ({ listId })),
  fc.tuple(pin, fc.boolean()).map(([listId, isOpen]) => ({ listId, isOpen })),
  fc.tuple(pin, pin).map(([a, b]) => ({ OR: [{ listId: a }, { listId: b }] })),
  pin.map((listId) => ({ NOT: { listId } })),
)
const row: fc.Arbitrary<StoredRow> = fc.record({
  id: small,
  listId: fc.option(small),
  ownerId: fc.option(small),
  isOpen: fc.boolean(),
})

const READER = { id: 1 }

function decisionOf(model: string, lists: readonly number[]) {
  const [spec] = compileRowPlan(data, { model, isPolicyOn: true }).keySets
  if (spec === undefined) throw new Error(`${model} has no memberships.`)
  const set = new KeySet(
    spec,
    lists.map((listId, index) => ({ id: index, listId })),
  )
  return { auth: READER, now: 0, keySets: new Map([[spec.id, set]]) }
}

describe('the reach of a query', () => {
  it('is none, or left to other rules, only where no row says otherwise', () => {
    const seen = { none: 0, open: 0, 'other-rules': 0 }
    fc.assert(
      fc.property(
        fc.constantFrom('Task', 'Log'),
        where,
        fc.uniqueArray(small, { maxLength: 3 }),
        fc.array(row, { minLength: 1, maxLength: 20 }),
        (model, filter, lists, rows) => {
          const context = decisionOf(model, lists)
          const reach = reachOfQuery(data, { model, where: filter, isPolicyOn: true, context })
          seen[reach.kind]++
          const isShown = (of: unknown, each: StoredRow): boolean =>
            compileRowPlan(data, { model, where: of, isPolicyOn: true }).decide(each, context) === true
          const answer = rows.filter((each) => isShown(filter, each))
          if (reach.kind === 'none') expect(answer).toEqual([])
          if (reach.kind !== 'other-rules') return
          // What is asked of the database holds all of the answer, and nothing that a membership shows.
          for (const each of answer) expect(isShown(reach.where, each)).toBe(true)
          for (const each of rows) if (isShown(reach.where, each)) expect(each['ownerId']).toBe(READER.id)
        },
      ),
      { numRuns: 600 },
    )
    // Each kind was there to be wrong about.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20)
  })

  it('is open again with the membership', () => {
    const ofList = { model: 'Task', where: { listId: 2, isOpen: true }, isPolicyOn: true }
    expect(reachOfQuery(data, { ...ofList, context: decisionOf('Task', [1, 2]) })).toEqual({ kind: 'open' })
    expect(reachOfQuery(data, { ...ofList, context: decisionOf('Task', [1]) })).toEqual({ kind: 'other-rules', where: { listId: 2 } })
    const ofLog = { ...ofList, model: 'Log' }
    expect(reachOfQuery(data, { ...ofLog, context: decisionOf('Log', [2]) })).toEqual({ kind: 'open' })
    expect(reachOfQuery(data, { ...ofLog, context: decisionOf('Log', [1]) })).toEqual({ kind: 'none' })
  })

  it('is open where policies are not asked', () => {
    expect(reachOfQuery(data, { model: 'Log', isPolicyOn: false, context: decisionOf('Log', []) })).toEqual({ kind: 'open' })
  })
})
