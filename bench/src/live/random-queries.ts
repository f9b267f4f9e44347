import type { Random } from '../random.ts'
import { ORDERED_WITHOUT_BASE, ORDERED_WITHOUT_ID } from './random-rules.ts'
import type { StudioPolicies } from './studio-policies.ts'
import { USERS } from './studio.ts'

export interface FuzzQuery {
  model: 'user' | 'space' | 'member' | 'task' | 'comment' | 'note' | 'tag' | 'asset' | 'picture' | 'memo'
  operation: 'findMany' | 'findFirst' | 'findUnique' | 'exists' | 'count' | 'aggregate' | 'groupBy'
  args: Record<string, unknown> | undefined
}

type Make = (random: Random) => FuzzQuery

const noteWhere = (random: Random): Record<string, unknown> =>
  random.pick([
    {},
    { rank: { gte: random.whole(4) } },
    { ownerId: random.pick(USERS) },
    { NOT: { secret: null } },
    { secret: { startsWith: 'tok' } },
    { OR: [{ isPublic: true }, { rank: 0 }] },
    { score: { gt: '1.0' } },
    { tags: { has: 'x' } },
    { size: { in: [1, 2] } },
  ])

const taskWhere = (random: Random): Record<string, unknown> =>
  random.pick([
    {},
    { priority: { lt: 3 } },
    { spaceId: random.pick(['garden', 'roof']) },
    { isPrivate: false },
    { assigneeId: null },
    { budget: { gt: 0 } },
    { dueAt: { gte: new Date(Date.UTC(2026, 0, 2)) } },
    { status: { not: 'DONE' } },
  ])

const noteOrder = (random: Random): unknown =>
  random.pick([[{ id: 'asc' }], [{ rank: 'desc' }, { id: 'asc' }], [{ secret: 'asc' }, { id: 'asc' }], [{ at: 'asc' }, { id: 'desc' }]])
const taskOrder = (random: Random): unknown =>
  random.pick([[{ id: 'asc' }], [{ dueAt: { sort: 'desc', nulls: 'last' } }, { id: 'asc' }], [{ status: 'asc' }, { title: 'desc' }, { id: 'asc' }]])

/** Every list is asked in a total order: what the database leaves open cannot be compared. */
const QUERIES: readonly Make[] = [
  (random) => ({ model: 'note', operation: 'findMany', args: { where: noteWhere(random), orderBy: noteOrder(random) } }),
  (random) => ({
    model: 'note',
    operation: 'findMany',
    args: { where: noteWhere(random), orderBy: [{ id: 'desc' }], select: { id: true, body: true } },
  }),
  (random) => ({ model: 'note', operation: 'findMany', args: { where: noteWhere(random), orderBy: noteOrder(random), omit: { secret: true } } }),
  (random) => ({ model: 'note', operation: 'findMany', args: { orderBy: noteOrder(random), skip: random.whole(2), take: 2 } }),
  // Windows that a change of most rows cannot concern.
  (random) => ({ model: 'note', operation: 'findMany', args: { where: noteWhere(random), orderBy: noteOrder(random), take: 1 + random.whole(3) } }),
  (random) => ({
    model: 'task',
    operation: 'findMany',
    args: { where: taskWhere(random), orderBy: [{ id: 'asc' }], take: 1 + random.whole(3), include: { assignee: true } },
  }),
  () => ({ model: 'note', operation: 'findMany', args: { orderBy: [{ rank: 'asc' }, { id: 'asc' }], select: { body: true, rank: true } } }),
  (random) => ({ model: 'note', operation: 'findUnique', args: { where: { id: 1 + random.whole(6) } } }),
  (random) => ({ model: 'note', operation: 'findFirst', args: { where: noteWhere(random), orderBy: [{ rank: 'desc' }, { id: 'asc' }] } }),
  (random) => ({ model: 'note', operation: 'count', args: { where: noteWhere(random) } }),
  (random) => ({
    model: 'note',
    operation: 'aggregate',
    args: { where: noteWhere(random), _sum: { rank: true }, _max: { score: true }, _count: true },
  }),
  () => ({ model: 'note', operation: 'groupBy', args: { by: ['rank'], _count: true, orderBy: { rank: 'asc' } } }),
  (random) => ({ model: 'note', operation: 'exists', args: { where: noteWhere(random) } }),
  (random) => ({ model: 'task', operation: 'findMany', args: { where: taskWhere(random), orderBy: taskOrder(random) } }),
  (random) => ({
    model: 'task',
    operation: 'findMany',
    args: { where: taskWhere(random), orderBy: [{ id: 'asc' }], select: { id: true, title: true, budget: true } },
  }),
  () => ({
    model: 'task',
    operation: 'findMany',
    args: { orderBy: [{ id: 'asc' }], include: { assignee: true, comments: { orderBy: { id: 'asc' } } } },
  }),
  (random) => ({
    model: 'task',
    operation: 'findMany',
    args: { where: { assignee: { name: { startsWith: 'tok' } }, ...taskWhere(random) }, orderBy: [{ id: 'asc' }] },
  }),
  (random) => ({ model: 'task', operation: 'findUnique', args: { where: { id: `t${1 + random.whole(6)}` } } }),
  (random) => ({ model: 'task', operation: 'count', args: { where: taskWhere(random) } }),
  () => ({ model: 'task', operation: 'findMany', args: { orderBy: [{ id: 'asc' }], include: { tags: { orderBy: { id: 'asc' } } } } }),
  (random) => ({
    model: 'task',
    operation: 'findMany',
    args: { where: { tags: { some: { id: random.pick(['x', 'y']) } } }, orderBy: [{ id: 'asc' }] },
  }),
  () => ({ model: 'tag', operation: 'findMany', args: { orderBy: [{ id: 'asc' }], include: { tasks: { orderBy: { id: 'asc' } } } } }),
  () => ({ model: 'tag', operation: 'count', args: { where: { tasks: { none: {} } } } }),
  () => ({ model: 'asset', operation: 'findMany', args: { orderBy: [{ id: 'asc' }] } }),
  () => ({ model: 'picture', operation: 'findMany', args: { orderBy: [{ label: 'asc' }, { id: 'asc' }] } }),
  (random) => ({ model: 'picture', operation: 'findUnique', args: { where: { id: `a${1 + random.whole(4)}` } } }),
  () => ({ model: 'memo', operation: 'findMany', args: { where: { text: { startsWith: 'tok' } }, orderBy: [{ id: 'asc' }] } }),
  () => ({ model: 'asset', operation: 'groupBy', args: { by: ['kind'], _count: true, orderBy: { kind: 'asc' } } }),
  () => ({ model: 'comment', operation: 'findMany', args: { orderBy: [{ id: 'asc' }] } }),
  (random) => ({
    model: 'comment',
    operation: 'findMany',
    args: {
      where: { task: { is: taskWhere(random) } },
      orderBy: [{ id: 'asc' }],
      include: { task: { select: { id: true, title: true } }, author: true },
    },
  }),
  (random) => ({
    model: 'task',
    operation: 'findMany',
    args: { where: { comments: { [random.pick(['every', 'none'])]: { authorId: random.pick(USERS) } } }, orderBy: [{ id: 'asc' }] },
  }),
  () => ({
    model: 'task',
    operation: 'findMany',
    args: { orderBy: [{ assignee: { name: 'asc' } }, { id: 'asc' }], select: { id: true, title: true } },
  }),
  (random) => ({
    model: 'task',
    operation: 'findFirst',
    args: { where: { assignee: { isNot: { role: 'MANAGER' } }, ...taskWhere(random) }, orderBy: [{ id: 'desc' }] },
  }),
  (random) => ({
    model: 'note',
    operation: 'findMany',
    args: { cursor: { id: 1 + random.whole(6) }, take: 2, orderBy: [{ id: 'asc' }], include: { owner: true } },
  }),
  () => ({ model: 'note', operation: 'findMany', args: { distinct: ['rank'], orderBy: [{ rank: 'asc' }, { id: 'asc' }] } }),
  (random) => ({
    model: 'space',
    operation: 'findMany',
    args: {
      where: { tasks: { [random.pick(['some', 'none'])]: taskWhere(random) } },
      orderBy: [{ id: 'asc' }],
      select: { id: true, name: true, tasks: { where: taskWhere(random), orderBy: [{ id: 'asc' }], take: 2, select: { id: true, title: true } } },
    },
  }),
  () => ({
    model: 'member',
    operation: 'findMany',
    args: { orderBy: [{ spaceId: 'asc' }, { userId: 'asc' }], include: { user: true, space: true } },
  }),
  () => ({ model: 'member', operation: 'groupBy', args: { by: ['spaceId', 'role'], _count: true, orderBy: [{ spaceId: 'asc' }, { role: 'asc' }] } }),
  () => ({
    model: 'space',
    operation: 'findMany',
    args: { orderBy: [{ id: 'asc' }], include: { members: { orderBy: [{ userId: 'asc' }] }, _count: { select: { tasks: true } } } },
  }),
  () => ({ model: 'space', operation: 'findMany', args: { orderBy: [{ id: 'asc' }] } }),
  () => ({ model: 'member', operation: 'findMany', args: { orderBy: [{ spaceId: 'asc' }, { userId: 'asc' }] } }),
  () => ({ model: 'user', operation: 'findMany', args: { orderBy: [{ id: 'asc' }] } }),
  () => ({ model: 'user', operation: 'findMany', args: { orderBy: [{ id: 'asc' }], select: { id: true, _count: { select: { tasks: true } } } } }),
]

/** What the studio's own schema does not know. */
const MORE_QUERIES: readonly Make[] = [
  () => ({
    model: 'task',
    operation: 'findMany',
    args: { orderBy: [{ id: 'asc' }], select: { id: true, parent: { select: { title: true } }, parts: { orderBy: [{ id: 'asc' }] } } },
  }),
  (random) => ({ model: 'task', operation: 'findMany', args: { where: { parts: { some: taskWhere(random) } }, orderBy: [{ id: 'asc' }], take: 3 } }),
  (random) => ({ model: 'task', operation: 'count', args: { where: { parent: taskWhere(random) } } }),
  () => ({ model: 'user', operation: 'findMany', args: { where: { level: { gte: 1 } }, orderBy: [{ level: 'asc' }, { id: 'asc' }] } }),
]

export function randomQueries(random: Random, count: number, policies: StudioPolicies['kind']): FuzzQuery[] {
  const known = policies === 'generated' ? [...QUERIES, ...MORE_QUERIES] : QUERIES
  const queries = new Map<string, FuzzQuery>()
  for (let tries = 0; queries.size < count && tries < count * 4; tries++) {
    const { model, operation, args } = random.pick(known)(random)
    const query: FuzzQuery = { model, operation, args: args === undefined ? undefined : ordered(model, args) }
    queries.set(JSON.stringify(query), query)
  }
  return [...queries.values()]
}

/** Models of lists inside answers. */
const LISTS: Readonly<Record<string, string>> = { comments: 'comment', tags: 'tag', tasks: 'task', parts: 'task' }

/** The same, in an order that is total also for whoever may not read the ids: to them they are all NULL. */
function ordered(model: string, args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const name = model.slice(0, 1).toUpperCase() + model.slice(1)
  const own = ORDERED_WITHOUT_BASE[name]
  const ties = [ORDERED_WITHOUT_ID[own === undefined ? name : 'Asset'], own].flatMap((tie) => (tie === undefined ? [] : [{ [tie]: 'asc' }]))
  const entries = Object.entries(args).map(([key, value]): [string, unknown] => {
    if (key === 'orderBy' && ties.length > 0 && JSON.stringify(value).includes('"id"')) return [key, [value].flat().concat(ties)]
    const isNested = typeof value === 'object' && value !== null && (key === 'include' || key === 'select' || key in LISTS)
    return [key, isNested ? ordered(LISTS[key] ?? model, value as Record<string, unknown>) : value]
  })
  return Object.fromEntries(entries)
}
