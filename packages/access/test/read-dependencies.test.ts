import { readDependencies, type ReadQuery } from '@zenstack-live/access'
import { ExpressionUtils as E } from '@zenstackhq/schema'
import { describe, expect, it } from 'vitest'
import { allow, allowField, createWorld, type FieldSpec } from './support/world.ts'

const id: FieldSpec = { type: 'Int', column: 'int4', id: true }
const key: FieldSpec = { type: 'Int', column: 'int4', optional: true }
const to = (type: string, field: string): { type: string; relation: { fields: string[]; references: string[] } } => ({
  type,
  relation: { fields: [field], references: ['id'] },
})

const data = createWorld(
  {
    User: { fields: { id, age: { type: 'Int', column: 'int4' } }, attributes: [allow(E.literal(true))] },
    Space: {
      fields: { id },
      relations: {
        members: { type: 'Member', array: true, relation: { opposite: 'space' } },
        tags: { type: 'Tag', array: true, relation: { opposite: 'spaces' } },
      },
      attributes: [allow(E.binary(E.field('members'), '?', E.binary(E.field('user'), '==', E.call('auth'))))],
    },
    Member: {
      fields: { id, userId: key, spaceId: key },
      relations: { user: to('User', 'userId'), space: to('Space', 'spaceId') },
      attributes: [allow(E.literal(false))],
    },
    Tag: {
      fields: { id },
      relations: { spaces: { type: 'Space', array: true, relation: { opposite: 'tags' } } },
      attributes: [allow(E.literal(true))],
    },
    Task: {
      fields: {
        id,
        spaceId: key,
        teamId: key,
        note: { type: 'String', column: 'text', attributes: [allowField(E.binary(E.call('now'), '>', E.field('at')))] },
        at: { type: 'DateTime', column: 'timestamp' },
      },
      relations: { space: to('Space', 'spaceId'), team: to('Team', 'teamId') },
      attributes: [allow(E.call('check', [E.field('space')]))],
    },
    Team: {
      fields: { id },
      relations: { tasks: { type: 'Task', array: true, relation: { opposite: 'team' } } },
      attributes: [allow(E.binary(E.field('tasks'), '?', E.call('check', [E.field('space')])))],
    },
    Clock: {
      fields: { id, at: { type: 'DateTime', column: 'timestamp' } },
      attributes: [allow(E.binary(E.call('now'), '>', E.field('at'))), allow(E.binary(E.call('now'), '<', E.field('at')), 'update')],
    },
    Hand: {
      fields: { id, clockId: key },
      relations: { clock: to('Clock', 'clockId') },
      attributes: [allow(E.call('check', [E.field('clock'), E.literal('update')]))],
    },
    Owned: {
      fields: { id, ownerId: key },
      relations: { owner: to('User', 'ownerId') },
      attributes: [
        allow(E.binary(E.field('owner'), '==', E.call('auth'))),
        allow(E.binary(E.call('auth'), '!=', E.member(E._this(), ['owner']))),
        allow(E.binary(E.member(E.field('owner'), ['id']), '==', E.field('id'))),
      ],
    },
    OwnedByRole: {
      fields: { id, ownerId: key },
      relations: { owner: to('User', 'ownerId') },
      attributes: [allow(E.binary(E.member(E.field('owner'), ['age']), '==', E.field('id')))],
    },
    OwnedLoosely: {
      fields: { id, ownerId: { type: 'String', column: 'text' } },
      relations: { owner: to('User', 'ownerId') },
      attributes: [allow(E.binary(E.field('owner'), '==', E.call('auth')))],
    },
    OwnedByFriend: {
      fields: { id, spaceId: key },
      relations: { space: to('Space', 'spaceId') },
      attributes: [allow(E.binary(E.member(E.field('space'), ['members']), '?', E.binary(E.member(E.field('user'), ['age']), '==', E.field('id'))))],
    },
    Lonely: { fields: { id }, attributes: [allow(E.call('mine', []))] },
  },
  { authType: 'User' },
)

const tables = (query: Partial<ReadQuery> & Pick<ReadQuery, 'model'>, isPolicyOn = true): string[] =>
  [...readDependencies(data, { operation: 'findMany', isPolicyOn, ...query }).tables].map((table) => table.replace('public.', '')).sort()

describe('what an answer depends on', () => {
  it('is the time, where read policies of these models ask for it, or other rules', () => {
    const timed = (model: string, isPolicyOn = true): unknown => {
      const { readsNow, timedModels } = readDependencies(data, { model, operation: 'findMany', isPolicyOn })
      return [readsNow, timedModels === undefined ? 'elsewhere' : [...timedModels]]
    }
    expect(timed('Task')).toEqual([true, ['Task']])
    expect(timed('Task', false)).toEqual([false, []])
    expect(timed('Space')).toEqual([false, []])
    expect(timed('Clock')).toEqual([true, ['Clock']])
    expect(timed('Hand')).toEqual([true, 'elsewhere'])
  })

  it('is its own table and no other, without policies', () => {
    expect(tables({ model: 'Task', args: { where: { id: 1 } } }, false)).toEqual(['Task'])
  })

  it('is read in one way where no relation and no policy leads back to its own table', () => {
    const readsOnce = (model: string, args?: unknown, isPolicyOn = true): boolean =>
      readDependencies(data, { model, operation: 'findMany', args, isPolicyOn }).readsOwnTableOnce
    expect([
      readsOnce('Task', { where: { space: { id: 1 } }, include: { space: true } }),
      readsOnce('Space', { include: { members: true } }),
    ]).toEqual([true, true])
    expect(readsOnce('Space', { include: { tags: { include: { spaces: true } } } })).toBe(false)
    expect(readsOnce('Space', { where: { tags: { some: { spaces: { none: {} } } } } })).toBe(false)
    // A policy of what is included reads it.
    expect([readsOnce('Member', { include: { space: true } }), readsOnce('Member', { include: { space: true } }, false)]).toEqual([false, true])
    expect(readsOnce('Lonely')).toBe(false)
  })

  it('is what its policies read, through check() and predicates', () => {
    expect(tables({ model: 'Space' })).toEqual(['Member', 'Space'])
    expect(tables({ model: 'Task' })).toEqual(['Member', 'Space', 'Task'])
    // Within a predicate check() is about the items.
    expect(tables({ model: 'Team' })).toEqual(['Member', 'Space', 'Task', 'Team'])
  })

  it('is a related row of whose key a part stands there alone', () => {
    const person: FieldSpec = { type: 'Int', column: 'int4', id: true }
    const world = createWorld(
      {
        User: { fields: { id: person, year: person } },
        Owned: {
          fields: { id, ownerId: key },
          relations: { owner: to('User', 'ownerId') },
          attributes: [allow(E.binary(E.field('owner'), '==', E.call('auth')))],
        },
      },
      { authType: 'User' },
    )
    expect([...readDependencies(world, { model: 'Owned', operation: 'findMany', isPolicyOn: true }).models]).toEqual(['Owned', 'User'])
  })

  it('is a related row where more is asked of it than a key that stands here, and is enforced', () => {
    expect(tables({ model: 'Owned' })).toEqual(['Owned'])
    expect(tables({ model: 'OwnedByRole' })).toEqual(['OwnedByRole', 'User'])
    expect(tables({ model: 'OwnedLoosely' })).toEqual(['OwnedLoosely', 'User'])
    expect(tables({ model: 'OwnedByFriend' })).toEqual(['Member', 'OwnedByFriend', 'Space', 'User'])
  })

  it('is what is included, filtered, ordered and counted by', () => {
    expect(tables({ model: 'Member', args: { include: { space: { include: { tags: true } } } } }, false)).toEqual([
      'Member',
      'Space',
      'Tag',
      '_SpaceToTag',
    ])
    expect(tables({ model: 'Task', args: { where: { OR: [{ NOT: { space: { members: { some: { id: 1 } } } } }] } } }, false)).toEqual([
      'Member',
      'Space',
      'Task',
    ])
    expect(tables({ model: 'Task', args: { orderBy: [{ space: { id: 'asc' } }] } }, false)).toEqual(['Space', 'Task'])
    expect(tables({ model: 'Space', args: { include: { _count: true } } }, false)).toEqual(['Member', 'Space', 'Tag', '_SpaceToTag'])
    // There it counts the rows themselves.
    for (const operation of ['aggregate', 'groupBy']) expect(tables({ model: 'Space', operation, args: { _count: true } }, false)).toEqual(['Space'])
    expect(tables({ model: 'Space', args: { select: { _count: { select: { members: true } } } } }, false)).toEqual(['Member', 'Space'])
  })

  it('is time, when a policy asks for it', () => {
    expect(readDependencies(data, { model: 'Task', operation: 'findMany', isPolicyOn: true }).readsNow).toBe(true)
    expect(readDependencies(data, { model: 'Space', operation: 'findMany', isPolicyOn: true }).readsNow).toBe(false)
  })

  it('is not known, when a function of the application decides', () => {
    expect(readDependencies(data, { model: 'Lonely', operation: 'findMany', isPolicyOn: true }).unknown).toEqual(['function "mine"'])
  })
})
