import { dehydrate, HydrationBoundary, QueryClient } from '@tanstack/react-query'
import { liveHydration, prefetchLiveQuery } from '@zenstack-live/react'
import { headers } from 'next/headers'
import { allTasks } from './live'
import { Tasks } from './tasks'

/** Read on the server as the visitor, with its place in the stream: the browser shows it at once, and goes on from there. */
export default async function Page() {
  const { host, cookie } = Object.fromEntries(await headers())
  const queryClient = new QueryClient({ defaultOptions: liveHydration })
  await prefetchLiveQuery(queryClient, allTasks, { endpoint: `http://${host}/api/live`, headers: cookie === undefined ? {} : { cookie } })
  return (
    <HydrationBoundary state={dehydrate(queryClient)}>
      <Tasks />
    </HydrationBoundary>
  )
}
