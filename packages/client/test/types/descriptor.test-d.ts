import {
  createLiveClient,
  type LiveChange,
  type LiveClient,
  type LiveClientMembers,
  type LiveProjection,
  type LiveQuery,
  type LiveState,
} from '@zenstack-live/client'
import type { LiveProjectionSource } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/workspace'
import type { ClientContract } from '@zenstackhq/orm'
import { describe, expectTypeOf, it } from 'vitest'

const live = createLiveClient(schema)
// The unextended client: what `new ZenStackClient(schema, …)` has as its type.
declare const db: ClientContract<typeof schema>

type Answer<Q> = Q extends LiveQuery<infer T> ? T : never

describe('a descriptor has the type that ZenStack answers with', () => {
  it('for whole rows', () => {
    const query = live.task.findMany({ where: { spaceId: 's' } })
    expectTypeOf<Answer<typeof query>>().toEqualTypeOf<Awaited<ReturnType<typeof plain>>>()
    const plain = () => db.task.findMany({ where: { spaceId: 's' } })
  })

  it('for select, include and omit, however deep', () => {
    const selected = live.task.findMany({ select: { id: true, assignee: { select: { name: true } } } })
    expectTypeOf<Answer<typeof selected>>().toEqualTypeOf<{ id: string; assignee: { name: string } | null }[]>()
    const included = live.space.findFirst({ include: { tasks: { include: { comments: true } } } })
    const plainIncluded = () => db.space.findFirst({ include: { tasks: { include: { comments: true } } } })
    expectTypeOf<Answer<typeof included>>().toEqualTypeOf<Awaited<ReturnType<typeof plainIncluded>>>()
    const omitted = live.task.findUnique({ where: { id: 't' }, omit: { budget: true } })
    expectTypeOf<NonNullable<Answer<typeof omitted>>>().not.toHaveProperty('budget')
    expectTypeOf<NonNullable<Answer<typeof omitted>>>().toHaveProperty('title')
  })

  it('for values', () => {
    const counted = live.task.count()
    expectTypeOf<Answer<typeof counted>>().toEqualTypeOf<number>()
    const there = live.task.exists({ where: { id: 't' } })
    expectTypeOf<Answer<typeof there>>().toEqualTypeOf<boolean>()
    const grouped = live.task.groupBy({ by: ['status'], _count: true })
    const plainGrouped = () => db.task.groupBy({ by: ['status'], _count: true })
    expectTypeOf<Answer<typeof grouped>>().toEqualTypeOf<Awaited<ReturnType<typeof plainGrouped>>>()
    const summed = live.task.aggregate({ _sum: { priority: true } })
    const plainSummed = () => db.task.aggregate({ _sum: { priority: true } })
    expectTypeOf<Answer<typeof summed>>().toEqualTypeOf<Awaited<ReturnType<typeof plainSummed>>>()
  })
})

describe('a model that has the name of a part of the client', () => {
  it('is not on it, as at run time', () => {
    type Named = typeof schema & { models: Record<'Projection' | 'Note', (typeof schema)['models']['Task']> }
    const named = {} as LiveClient<Named>
    expectTypeOf(named.projection).toEqualTypeOf<LiveClientMembers['projection']>()
    expectTypeOf(named.note).toHaveProperty('findMany')
  })
})

describe('what does not fit does not compile', () => {
  it('models, operations, fields and values', () => {
    // @ts-expect-error -- there is no such model
    void live.nothing
    // @ts-expect-error -- writes are not live
    void live.task.create
    // @ts-expect-error -- there is no such field
    live.task.findMany({ where: { nothing: 1 } })
    // @ts-expect-error -- a title is text
    live.task.findMany({ where: { title: 1 } })
    // @ts-expect-error -- there is no such relation
    live.task.findMany({ include: { nothing: true } })
    // @ts-expect-error -- a unique query needs something unique
    live.task.findUnique({ where: { title: 'x' } })
    // @ts-expect-error -- select and include exclude each other
    live.task.findMany({ select: { id: true }, include: { comments: true } })
    // @ts-expect-error -- changes are filtered by the row alone
    live.task.changes({ created: { title: 'Dig', comments: { some: {} } } })
    // @ts-expect-error -- there is no such kind
    live.task.changes({ changed: {} })
  })
})

describe('a subscription', () => {
  it('is told states of the query, and changes of the model', () => {
    live.subscribe(live.task.findMany({ select: { id: true } }), (state) => {
      expectTypeOf(state).toEqualTypeOf<LiveState<{ id: string }[]>>()
      if (state.status === 'success') expectTypeOf(state.data).toEqualTypeOf<{ id: string }[]>()
    })
    live.subscribe(live.task.changes({ updated: { after: { status: 'DONE' } } }), (change) => {
      // Only what was asked for: there is nothing to tell apart.
      expectTypeOf(change.type).toEqualTypeOf<'updated'>()
      expectTypeOf(change.updated.after.title).toEqualTypeOf<string>()
      expectTypeOf(change.updated.before).toEqualTypeOf<typeof change.updated.after | null>()
      expectTypeOf(change.date).toEqualTypeOf<Date>()
    })
    live.subscribe(live.task.changes({ created: {}, deleted: { status: 'DONE' } }), (change) => {
      expectTypeOf(change.type).toEqualTypeOf<'created' | 'deleted'>()
      if (change.type === 'deleted') expectTypeOf(change.deleted).toEqualTypeOf<{ id: string }>()
    })
    live.subscribe(live.member.changes(), (change) => {
      expectTypeOf(change.type).toEqualTypeOf<LiveChange<never>['type']>()
      if (change.type === 'deleted') expectTypeOf(change.deleted).toEqualTypeOf<{ spaceId: string; userId: string }>()
    })
  })
})

describe('the type of a client in place of the schema', () => {
  it('gives the same descriptors', () => {
    const typed = createLiveClient<typeof db>(schema)
    const query = typed.task.findMany({ select: { title: true } })
    expectTypeOf<Answer<typeof query>>().toEqualTypeOf<{ title: string }[]>()
  })
})

describe('a projection has the type of its state, as JSON', () => {
  interface Cart {
    items: { sku: string; quantity: number }[]
    checkedOutAt: Date | null
    total(): number
  }
  interface CartJson {
    items: { sku: string; quantity: number }[]
    checkedOutAt: string | null
    total: never
  }
  type ViewOf<P> = P extends LiveProjection<infer State> ? State : never

  it('from a pure projection, a live source, a class, or the state itself', () => {
    const pure = live.projection<{ initial(id: string): Cart; evolve(cart: Cart, event: never): Cart }>('cart', 'c')
    const source = live.projection<LiveProjectionSource<Cart>>('cart', 'c')
    const ofClass = live.projection<new (id: string) => { asJson(): Promise<Cart> }>('cart', 'c')
    const plain = live.projection<Cart>('cart', 'c')
    expectTypeOf<ViewOf<typeof pure>>().toEqualTypeOf<CartJson>()
    expectTypeOf<ViewOf<typeof source>>().toEqualTypeOf<CartJson>()
    expectTypeOf<ViewOf<typeof ofClass>>().toEqualTypeOf<CartJson>()
    expectTypeOf<ViewOf<typeof plain>>().toEqualTypeOf<CartJson>()
  })

  it('in what a listener is told', () => {
    live.subscribe(live.projection<Cart>('cart', 'c'), (state) => expectTypeOf(state).toEqualTypeOf<LiveState<CartJson>>())
  })
})
