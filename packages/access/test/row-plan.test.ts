import { compileRowPlan } from '@zenstack-live/access'
import { createDataModel } from '@zenstack-live/model'
import { ExpressionUtils as E, type Expression } from '@zenstackhq/schema'
import { describe, expect, it } from 'vitest'
import { allow, allowField, createWorld, deny } from './support/world.ts'

const id = { type: 'Int', column: 'int4', id: true } as const
const at = { type: 'DateTime', column: 'timestamp', optional: true } as const
const us = (text: string): bigint => BigInt(Date.parse(text)) * 1000n
const isPast = E.binary(E.field('at'), '<', E.call('now'))

const context = (text: string): { auth: null; now: number } => ({ auth: null, now: Date.parse(text) })

describe('a plan that asks for the time', () => {
  const plan = compileRowPlan(createWorld({ Task: { fields: { id, at }, attributes: [allow(isPast)] } }), { model: 'Task', isPolicyOn: true })
  it('is exact at a moment', () => {
    const row = { id: 1, at: us('2024-05-05T10:00:00Z') + 1n }
    expect(plan.readsNow).toBe(true)
    expect(plan.decide(row, context('2024-05-05T10:00:00.000Z'))).toBe(false)
    expect(plan.decide(row, context('2024-05-05T10:00:00.001Z'))).toBe(true)
  })

  it('knows the next moment at which its answer can change', () => {
    const row = { id: 1, at: us('2024-05-05T10:00:00Z') + 1n }
    expect(plan.nextChange(row, context('2024-01-01T00:00:00Z'))).toBe(Date.parse('2024-05-05T10:00:00.001Z'))
    expect(plan.nextChange(row, context('2025-01-01T00:00:00Z'))).toBeUndefined()
    expect(plan.nextChange({ id: 1, at: null }, context('2024-01-01T00:00:00Z'))).toBeUndefined()
    const exact = { id: 1, at: us('2024-05-05T10:00:00Z') }
    expect(plan.nextChange(exact, context('2024-05-05T10:00:00Z'))).toBe(Date.parse('2024-05-05T10:00:00.001Z'))
    expect(plan.decide(exact, context('2024-05-05T10:00:00.001Z'))).toBe(true)
  })

  it('names the fields that it compares with the time, and knows the moments that no row holds', () => {
    expect([...plan.timeFields]).toEqual(['at'])
    expect(plan.nextChange({}, context('2024-01-01T00:00:00Z'))).toBeUndefined()
    const isValid = E.binary(E.field('until'), '>', E.call('now'))
    const ofSeat = E.binary(isValid, '&&', E.binary(E.field('taskId'), '==', E.member(E._this(), ['id'])))
    const world = createWorld(
      {
        User: { fields: { id }, relations: { seats: { type: 'Seat', array: true, relation: { opposite: 'user' } } } },
        Seat: {
          fields: { id, userId: { type: 'Int', column: 'int4' }, taskId: { type: 'Int', column: 'int4' }, until: at },
          relations: { user: { type: 'User', relation: { fields: ['userId'], references: ['id'] } } },
        },
        Task: { fields: { id }, attributes: [allow(E.binary(E.member(E.call('auth'), ['seats']), '?', ofSeat))] },
      },
      { authType: 'User' },
    )
    const seated = compileRowPlan(world, { model: 'Task', isPolicyOn: true })
    const seats = ['2024-03-01T00:00:00Z', '2024-02-01T00:00:00Z', '2023-01-01T00:00:00Z'].map((until, taskId) => ({
      taskId,
      until: new Date(until),
    }))
    expect([seated.isLocal, [...seated.timeFields]]).toEqual([true, []])
    expect(seated.nextChange({}, { auth: { id: 1, seats }, now: Date.parse('2024-01-01T00:00:00Z') })).toBe(Date.parse('2024-02-01T00:00:00Z'))
    expect(seated.nextChange({}, { auth: { id: 1, seats: 'none' }, now: 0 })).toBe('ask-database')
  })

  it('names the field here that holds a key which it compares, not one of that name', () => {
    const world = createWorld({
      Slot: { fields: { startsAt: { ...at, id: true, optional: false } } },
      Booking: {
        fields: { id, slotAt: at, startsAt: at },
        relations: { slot: { type: 'Slot', relation: { fields: ['slotAt'], references: ['startsAt'] } } },
        attributes: [allow(E.binary(E.member(E.field('slot'), ['startsAt']), '>', E.call('now')))],
      },
    })
    const booked = compileRowPlan(world, { model: 'Booking', isPolicyOn: true })
    expect([booked.isLocal, [...booked.timeFields]]).toEqual([true, ['slotAt']])
  })

  it('leaves the time zone of a session that is not UTC to the database', () => {
    const world = createWorld({ Task: { fields: { id, at }, attributes: [allow(isPast)] } }, { timeZone: 'Europe/Paris' })
    const elsewhere = compileRowPlan(world, { model: 'Task', isPolicyOn: true })
    expect(elsewhere.isLocal).toBe(false)
    expect(elsewhere.decide({ id: 1, at: us('2024-05-05T10:00:00Z') }, context('2025-01-01T00:00:00Z'))).toBe('ask-database')
  })
})

describe('a plan', () => {
  const text = { type: 'String', column: 'text', optional: true } as const
  const isBoss = E.binary(E.member(E.call('auth'), ['role']), '==', E.literal('boss'))
  const data = createWorld(
    {
      User: { fields: { id, role: text } },
      Task: {
        fields: { id, note: text, secret: { ...text, attributes: [allowField(isBoss)] } },
        attributes: [allow(E.literal(true)), deny(E.binary(E.field('note'), '==', E.literal('hidden')))],
      },
    },
    { authType: 'User' },
  )
  const boss = { auth: { id: 1, role: 'boss' }, now: 0 }
  const other = { auth: { id: 2, role: 'none' }, now: 0 }
  const row = { id: 1, note: 'n', secret: 's' }

  it('filters by what the reader may read: a hidden value is NULL', () => {
    const bySecret = compileRowPlan(data, { model: 'Task', where: { secret: 's' }, isPolicyOn: true })
    const byNull = compileRowPlan(data, { model: 'Task', where: { secret: null }, isPolicyOn: true })
    expect([bySecret.decide(row, boss), bySecret.decide(row, other)]).toEqual([true, false])
    expect([byNull.decide(row, boss), byNull.decide(row, other)]).toEqual([false, true])
  })

  it('says which fields a reader may read, and shows the row so', () => {
    const plan = compileRowPlan(data, { model: 'Task', isPolicyOn: true })
    expect([...plan.guardedFields]).toEqual(['secret'])
    expect(plan.visibleFields(row, other)).toEqual(new Set(['id', 'note']))
    expect(plan.mask(row, other)).toEqual({ id: 1, note: 'n', secret: null })
    expect(plan.mask(row, boss)).toBe(row)
  })

  it('asks the database about a field that the change does not say, only where it matters', () => {
    const plan = compileRowPlan(data, { model: 'Task', where: { id: 2 }, isPolicyOn: true })
    expect(plan.decide({ id: 1, secret: 's' }, boss)).toBe(false)
    expect(plan.decide({ id: 2, secret: 's' }, boss)).toBe('ask-database')
  })

  it('leaves to the database whose values it would refuse, whoever was decided for before', () => {
    const plan = compileRowPlan(data, { model: 'Task', where: { secret: 's' }, isPolicyOn: true })
    const unfit = { auth: { id: 3, role: { name: 'boss' } }, now: 0 }
    for (let turn = 0; turn < 2; turn++) {
      expect([boss, unfit, other].map((asking) => plan.decide(row, asking))).toEqual([true, 'ask-database', false])
      expect([boss, unfit].map((asking) => plan.mask(row, asking))).toEqual([row, 'ask-database'])
    }
  })

  it('lets everything through without the policy plugin', () => {
    const plan = compileRowPlan(data, { model: 'Task', isPolicyOn: false })
    expect(plan.decide({ ...row, note: 'hidden' }, other)).toBe(true)
    expect(plan.mask(row, other)).toBe(row)
  })

  it('refuses a model that does not exist', () => {
    expect(() => compileRowPlan(data, { model: 'Nope', isPolicyOn: true })).toThrow(/no model "Nope"/)
  })
})

describe('a rule about rows beside the row', () => {
  const key = { type: 'Int', column: 'int4', optional: true } as const
  const to = (type: string, field: string): { type: string; relation: { fields: string[]; references: string[] } } => ({
    type,
    relation: { fields: [field], references: ['id'] },
  })
  const isMine = E.binary(E.field('user'), '==', E.call('auth'))
  const worldOf = (rule: Expression): ReturnType<typeof createWorld> =>
    createWorld(
      {
        User: { fields: { id } },
        Space: { fields: { id }, relations: { members: { type: 'Member', array: true, relation: { opposite: 'space' } } } },
        Member: {
          fields: { id, userId: key, spaceId: key, isActive: { type: 'Boolean', column: 'bool' } },
          relations: { user: to('User', 'userId'), space: to('Space', 'spaceId') },
        },
        Task: {
          fields: { id, ownerId: key, spaceId: key },
          relations: { owner: to('User', 'ownerId'), space: to('Space', 'spaceId') },
          attributes: [allow(rule)],
        },
      },
      { authType: 'User' },
    )
  const membersWhere = (predicate: Expression): Expression => E.binary(E.member(E.field('space'), ['members']), '?', predicate)

  it.each([
    ['User', E.binary(E.field('owner'), '==', E.call('auth'))],
    ['User', E.binary(E.field('owner'), '==', E._null())],
    ['Member', membersWhere(isMine)],
    ['Space', membersWhere(isMine)],
  ])('is left to the database where native row-level security may hide those: of %s', (table, rule) => {
    const { schema, catalog } = worldOf(rule)
    const isLocalWhere = (hasRowSecurity: boolean): boolean => {
      const tables = structuredClone(catalog.tables)
      const secured = tables[`public.${table}`]
      if (secured !== undefined) secured.hasRowSecurity = hasRowSecurity
      return compileRowPlan(createDataModel(schema, { ...catalog, tables }), { model: 'Task', isPolicyOn: true }).isLocal
    }
    expect([isLocalWhere(false), isLocalWhere(true)]).toEqual([true, false])
  })

  it('asks for all its members where it lets all of them in: an empty filter among others would be dropped', () => {
    const rule = membersWhere(E.binary(isMine, '&&', E.binary(E.literal(true), '||', E.field('isActive'))))
    const [spec] = compileRowPlan(worldOf(rule), { model: 'Task', isPolicyOn: true }).keySets
    expect(spec?.where({ id: 1 })).toEqual({ AND: [{ AND: [{ userId: 1 }] }, { OR: [{ AND: [] }, { isActive: true }] }] })
  })
})
