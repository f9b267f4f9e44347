import {
  createLiveClient,
  useLiveInfiniteQuery,
  useLiveQueries,
  useLiveQuery,
  useLiveSuspenseInfiniteQuery,
  useLiveSuspenseQuery,
  type LiveHooks,
} from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import type { ClientContract } from '@zenstackhq/orm'
import { useClientQueries, type ClientHooks } from '@zenstackhq/tanstack-query/react'
import { describe, expectTypeOf, it } from 'vitest'

const live = createLiveClient(schema)

describe('useLiveQuery', () => {
  it('gives what ZenStack’s hook of the same arguments gives', () => {
    const query = () => useLiveQuery(live.task.findMany({ include: { comments: true } }))
    const plain = () => useClientQueries(schema).task.useFindMany({ include: { comments: true } })
    expectTypeOf<ReturnType<typeof query>['data']>().toEqualTypeOf<ReturnType<typeof plain>['data']>()
    expectTypeOf<ReturnType<typeof query>>().toExtend<Pick<ReturnType<typeof plain>, 'data' | 'error' | 'status' | 'refetch' | 'isPending'>>()
  })

  it('takes a falsy query, and shapes by select', () => {
    const spaceId = '' as string | undefined
    const query = () => useLiveQuery(spaceId && live.task.findMany({ where: { spaceId } }))
    expectTypeOf<NonNullable<ReturnType<typeof query>['data']>[number]['title']>().toEqualTypeOf<string>()
    const counted = () => useLiveQuery(live.task.findMany(), { select: (tasks) => tasks.length })
    expectTypeOf<ReturnType<typeof counted>['data']>().toEqualTypeOf<number | undefined>()
  })

  it('does not take over what a live query decides itself', () => {
    // @ts-expect-error -- there is no staleness
    const stale = () => useLiveQuery(live.task.findMany(), { staleTime: 1000 })
    // @ts-expect-error -- the store fetches
    const fetched = () => useLiveQuery(live.task.findMany(), { queryFn: () => [] })
    // @ts-expect-error -- whether a stream is open is decided before there is a cache entry to ask about
    const asked = () => useLiveQuery(live.task.findMany(), { enabled: () => false })
    return [stale, fetched, asked]
  })

  it('knows a result once it is there', () => {
    const use = () => {
      const result = useLiveQuery(live.task.count())
      if (result.isSuccess) expectTypeOf(result.data).toEqualTypeOf<number>()
      expectTypeOf(result.isLive).toEqualTypeOf<boolean>()
      const suspended = useLiveSuspenseQuery(live.task.count())
      expectTypeOf(suspended.data).toEqualTypeOf<number>()
    }
    return use
  })
})

describe('useLiveInfiniteQuery', () => {
  it('has pages of rows, and takes lists only', () => {
    const use = () => useLiveInfiniteQuery(live.task.findMany({ select: { id: true } }))
    expectTypeOf<NonNullable<ReturnType<typeof use>['data']>['pages'][number][number]['id']>().toEqualTypeOf<string>()
    // @ts-expect-error -- a count has no pages
    const counted = () => useLiveInfiniteQuery(live.task.count())
    return counted
  })

  it('always has its pages where it suspends for them', () => {
    const use = () => useLiveSuspenseInfiniteQuery(live.task.findMany({ select: { id: true } }))
    expectTypeOf<ReturnType<typeof use>['data']['pages'][number][number]['id']>().toEqualTypeOf<string>()
    // @ts-expect-error -- nothing to suspend for
    const disabled = () => useLiveSuspenseInfiniteQuery(false)
    return disabled
  })
})

/** Of a model's hooks in ZenStack, those that read: what writes has `mutate`. */
type ReadHooks<Hooks> = {
  [Name in keyof Hooks]: Hooks[Name] extends (...args: never[]) => infer Result ? (Result extends { mutate: unknown } ? never : Name) : never
}[keyof Hooks]

/** A client that shows no counts, and of notes only lists. */
type Sliced = ClientContract<typeof schema, { slicing: { models: { $all: { excludedOperations: ['count', 'exists', 'findFirst'] } } } } & Dialect>
type Dialect = Pick<ClientContract<typeof schema>['$options'], 'dialect'>

describe('useLiveQueries', () => {
  it('has every hook of ZenStack that reads, and no other', () => {
    type Plain = ClientHooks<typeof schema>
    type Live = LiveHooks<typeof schema>
    expectTypeOf<keyof Live>().toEqualTypeOf<Exclude<keyof Plain, `$${string}`>>()
    expectTypeOf<keyof Live['task']>().toEqualTypeOf<ReadHooks<Plain['task']>>()
    expectTypeOf<ReadHooks<Plain['task']>>().toExtend<`use${string}`>()
    expectTypeOf<'useSuspenseInfiniteFindMany'>().toExtend<ReadHooks<Plain['task']>>()
  })

  it('has the same as ZenStack where a client is sliced', () => {
    const plain = () => useClientQueries<Sliced>(schema).task
    expectTypeOf<keyof LiveHooks<Sliced>['task']>().toEqualTypeOf<ReadHooks<ReturnType<typeof plain>>>()
    expectTypeOf<'useCount'>().not.toExtend<keyof LiveHooks<Sliced>['task']>()
    expectTypeOf<'useGroupBy'>().toExtend<keyof LiveHooks<Sliced>['task']>()
  })

  it('has the generics of ZenStack’s hooks', () => {
    const use = () => {
      const hooks = useLiveQueries(schema)
      return [
        hooks.task.useFindMany({ select: { id: true } }),
        hooks.task.useCount(),
        hooks.space.useFindUnique({ where: { id: 's' }, include: { tasks: true } }),
      ] as const
    }
    const plain = () => {
      const hooks = useClientQueries(schema)
      return [
        hooks.task.useFindMany({ select: { id: true } }),
        hooks.task.useCount(),
        hooks.space.useFindUnique({ where: { id: 's' }, include: { tasks: true } }),
      ] as const
    }
    expectTypeOf<ReturnType<typeof use>[0]['data']>().toEqualTypeOf<ReturnType<typeof plain>[0]['data']>()
    expectTypeOf<ReturnType<typeof use>[1]['data']>().toEqualTypeOf<ReturnType<typeof plain>[1]['data']>()
    expectTypeOf<ReturnType<typeof use>[2]['data']>().toEqualTypeOf<ReturnType<typeof plain>[2]['data']>()
  })

  it('refuses what does not fit, and writes', () => {
    const use = () => {
      const hooks = useLiveQueries(schema)
      // @ts-expect-error -- there is no such field
      hooks.task.useFindMany({ where: { nothing: 1 } })
      // @ts-expect-error -- writes are ZenStack's own
      hooks.task.useCreate()
    }
    return use
  })
})
