// #region app
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { liveHydration, LiveProvider, useLiveChanges, useLiveInfiniteQuery, useLiveQueries, useLiveQuery, useLiveStatus } from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import { QuerySettingsProvider, useClientQueries } from '@zenstackhq/tanstack-query/react'
import type { ReactElement, ReactNode } from 'react'
import { live } from './live.ts'

// The options matter only where pages are rendered on a server.
const queryClient = new QueryClient({ defaultOptions: liveHydration })

export function App({ children }: { children: ReactNode }): ReactElement {
  return (
    <QueryClientProvider client={queryClient}>
      <LiveProvider client={live}>
        {/* ZenStack's own hooks, with a fetch that knows when their writes have arrived. */}
        <QuerySettingsProvider value={{ endpoint: 'http://app.example/api/model', fetch: live.fetch }}>{children}</QuerySettingsProvider>
      </LiveProvider>
    </QueryClientProvider>
  )
}
// #endregion

// #region list
export function Tasks({ spaceId }: { spaceId: string | undefined }): ReactElement {
  // A falsy query asks nothing; a component may render before it knows what to ask.
  const { data: tasks, isPending, isLive } = useLiveQuery(spaceId && live.task.findMany({ where: { spaceId }, orderBy: { title: 'asc' } }))
  if (isPending) return <p>Loading…</p>
  return (
    <ul aria-busy={!isLive}>
      {tasks?.map((task) => (
        <li key={task.id}>{task.title}</li>
      ))}
    </ul>
  )
}
// #endregion

// #region sugar
export function OpenTasks(): ReactElement {
  // Was: useClientQueries(schema).task.useCount(…)
  const { data } = useLiveQueries(schema).task.useCount({ where: { status: 'OPEN' } })
  return <b>{data}</b>
}
// #endregion

// #region write
export function Rename({ id }: { id: string }): ReactElement {
  const rename = useClientQueries(schema).task.useUpdate({ optimisticUpdate: true })
  return (
    <button type="button" disabled={rename.isPending} onClick={() => rename.mutate({ where: { id }, data: { title: 'Water the roses' } })}>
      Rename
    </button>
  )
}
// #endregion

// #region pages
export function AllTasks(): ReactElement {
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage } = useLiveInfiniteQuery(live.task.findMany({ orderBy: { title: 'asc' }, take: 2 }))
  return (
    <>
      {data?.pages.flat().map((task) => (
        <p key={task.id}>{task.title}</p>
      ))}
      {hasNextPage && (
        <button type="button" disabled={isFetchingNextPage} onClick={fetchNextPage}>
          More
        </button>
      )}
    </>
  )
}
// #endregion

// #region changes
export function Finished({ onFinished }: { onFinished: (title: string) => void }): null {
  useLiveChanges(live.task.changes({ updated: { after: { status: 'DONE' } } }), (change) => onFinished(change.updated.after.title))
  return null
}
// #endregion

// #region status
export function Connection(): ReactElement {
  const status = useLiveStatus()
  return <output>{status === 'live' || status === 'idle' ? '' : status}</output>
}
// #endregion
