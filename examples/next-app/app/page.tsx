import { dehydrate, HydrationBoundary, QueryClient } from '@tanstack/react-query'
import { liveHydration, prefetchLiveQuery } from '@zenstack-live/react'
import { headers } from 'next/headers'
import { api } from '../server/api'
import { allTasks } from './live'
import { Tasks } from './tasks'

/** Read on the server as the visitor, with its place in the stream: the browser shows it at once, and goes on from there. */
export default async function Page() {
  const queryClient = new QueryClient({ defaultOptions: liveHydration })
  await prefetchLiveQuery(queryClient, allTasks, {
    endpoint: 'http://localhost/api/live',
    headers: { cookie: (await headers()).get('cookie') ?? '' },
    // Asked in this process: an address taken from the request would be the visitor's to choose.
    fetch: async (url, init) => api().request(url, init),
  })
  return (
    <HydrationBoundary state={dehydrate(queryClient)}>
      <Tasks />
    </HydrationBoundary>
  )
}
