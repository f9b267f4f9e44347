import { createInterestIndex, interestOfQuery, compileRowPlan, type Registration } from '@zenstack-live/access'
import { ExpressionUtils as E } from '@zenstackhq/schema'
import type { Model, StoredRow } from '@zenstack-live/model'
import { Decimal } from 'decimal.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allow, createWorld } from './support/world.ts'

const data = createWorld({
  Task: {
    fields: {
      id: { type: 'Int', column: 'int4', id: true },
      listId: { type: 'Int', column: 'int4', optional: true },
      title: { type: 'String', column: 'text', optional: true },
      n: { type: 'Float', column: 'float8', optional: true },
      r: { type: 'Float', column: 'float4', optional: true },
      tags: { type: 'String', column: 'text', array: true },
      isDone: { type: 'Boolean', column: 'bool', optional: true },
    },
    attributes: [allow(E.literal(true))],
  },
})
function taskModel(): Model {
  const model = data.models.get('Task')
  if (model === undefined) throw new Error('The world has no tasks.')
  return model
}
const model = taskModel()

const small = fc.integer({ min: 0, max: 4 })
const word = fc.constantFrom('a', 'b', 'c')
const leaf = fc.oneof(
  small.map((value) => ({ listId: value })),
  fc.constant({ listId: null }),
  fc.array(small, { maxLength: 3 }).map((list) => ({ listId: { in: list } })),
  word.map((value) => ({ title: value })),
  word.map((value) => ({ title: { equals: value.toUpperCase(), mode: 'insensitive' } })),
  word.map((value) => ({ title: { contains: value } })),
  word.map((value) => ({ tags: { has: value } })),
  fc.array(word, { maxLength: 2 }).map((list) => ({ tags: { hasSome: list } })),
  fc.array(word, { maxLength: 2 }).map((list) => ({ tags: { hasEvery: list } })),
  fc.tuple(fc.constantFrom('gt', 'gte', 'lt', 'lte'), small).map(([operator, value]) => ({ n: { [operator]: value } })),
  fc.tuple(small, small).map((pair) => ({ n: { between: pair } })),
  fc.boolean().map((value) => ({ isDone: value })),
)
const where = fc.letrec<{ any: object }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.tuple(leaf, leaf).map(([a, b]) => ({ ...a, ...b })),
    fc.array(tie('any'), { maxLength: 3 }).map((list) => ({ OR: list })),
    fc.array(tie('any'), { maxLength: 3 }).map((list) => ({ AND: list })),
    tie('any').map((inner) => ({ NOT: inner })),
  ),
})).any
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 4 })
const row: fc.Arbitrary<StoredRow> = fc.record({
  id: small,
  listId: optional(small),
  title: optional(word),
  n: optional(fc.oneof(small, fc.constant(NaN), fc.constant(Infinity))),
  tags: optional(fc.array(optional(word), { maxLength: 3 })),
  isDone: optional(fc.boolean()),
})

function probesAt(size: number): number {
  const index = createInterestIndex<object>()
  for (let place = 0; place < size; place++)
    index.add(model, interestOfQuery(data, { model: 'Task', where: { listId: place, isDone: false }, isPolicyOn: true }), {})
  let found = 0
  index.match(
    model,
    { id: 1, listId: 7, title: null, n: null, tags: null, isDone: false },
    { id: 1, listId: 8, title: null, n: null, tags: null, isDone: false },
    () => found++,
  )
  expect(found).toBe(2)
  return index.lastProbes
}

describe('the interest index', () => {
  it('finds every query that a change concerns, each once, whatever came and went before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(where, fc.boolean()), { minLength: 1, maxLength: 12 }),
        fc.array(fc.tuple(optional(row), optional(row)), { minLength: 1, maxLength: 6 }),
        (queries, changes) => {
          const index = createInterestIndex<object>()
          const kept: { item: object; filter: object; registration: Registration<object> }[] = []
          for (const [filter, isRemoved] of queries) {
            const item = {}
            const registration = index.add(model, interestOfQuery(data, { model: 'Task', where: filter, isPolicyOn: true }), item)
            if (isRemoved) index.remove(registration)
            else kept.push({ item, filter, registration })
          }
          expect(index.size).toBe(kept.length)
          for (const [before, after] of changes) {
            const found: object[] = []
            index.match(model, before, after, (item) => void found.push(item))
            expect(new Set(found).size).toBe(found.length)
            for (const { item, filter } of kept) {
              const plan = compileRowPlan(data, { model: 'Task', where: filter, isPolicyOn: true })
              const concerns = [before, after].some((each) => each !== null && plan.decide(each, { auth: null, now: 0 }) === true)
              if (concerns) expect(found).toContain(item)
            }
          }
          for (const { registration } of kept) index.remove(registration)
          const left: object[] = []
          for (const [before, after] of changes) index.match(model, before, after, (item) => void left.push(item))
          expect(left).toEqual([])
        },
      ),
      { numRuns: 400 },
    )
  })

  it('looks at a constant number of places, however many queries are open', () => {
    expect(probesAt(10_000)).toBe(probesAt(10))
  })

  it('finds ranges in logarithmic time', () => {
    const index = createInterestIndex<object>()
    for (let place = 0; place < 4096; place++)
      index.add(model, interestOfQuery(data, { model: 'Task', where: { n: { between: [place, place + 0.5] } }, isPolicyOn: true }), {})
    let found = 0
    index.match(model, null, { id: 1, listId: null, title: null, n: 2000.25, tags: null, isDone: null }, () => found++)
    expect(found).toBe(1)
    expect(index.lastProbes).toBeLessThan(200)
  })

  it('finds ranges of a real where the parameter is rounded as the value is', () => {
    const index = createInterestIndex<object>()
    index.add(model, interestOfQuery(data, { model: 'Task', where: { r: { gte: 0.1 } }, isPolicyOn: true }), {})
    let found = 0
    // The stream says the shortest text of a single, which as a double lies below the single itself.
    index.match(model, null, { id: 1, listId: null, title: null, n: null, r: 0.1, tags: null, isDone: null }, () => found++)
    expect(found).toBe(1)
  })

  it('offers every query of a field whose value the change does not say', () => {
    const index = createInterestIndex<object>()
    for (let place = 0; place < 3; place++) index.add(model, interestOfQuery(data, { model: 'Task', where: { listId: place }, isPolicyOn: true }), {})
    let found = 0
    index.match(model, null, { id: 1 }, () => found++)
    expect(found).toBe(3)
  })

  it('finds a whole number that a policy compares with a Decimal of auth()', () => {
    const whole = { type: 'Int', column: 'int4' }
    const world = createWorld(
      {
        User: { fields: { id: { ...whole, id: true }, balance: { type: 'Decimal', column: 'numeric' } } },
        Bid: {
          fields: { id: { ...whole, id: true }, n: whole },
          attributes: [allow(E.binary(E.field('n'), '==', E.member(E.call('auth'), ['balance'])))],
        },
      },
      { authType: 'User' },
    )
    const context = { auth: { id: 1, balance: new Decimal('1.00') }, now: 0 }
    const plan = compileRowPlan(world, { model: 'Bid', isPolicyOn: true })
    const bid = { id: 7, n: 1 }
    expect(plan.decide(bid, context)).toBe(true)
    const index = createInterestIndex<object>()
    index.add(plan.model, interestOfQuery(world, { model: 'Bid', isPolicyOn: true, context }), plan)
    const found: object[] = []
    index.match(plan.model, null, bid, (item) => void found.push(item))
    expect(found).toEqual([plan])
  })
})
