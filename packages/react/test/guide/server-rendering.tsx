// #region server
import { dehydrate, HydrationBoundary, QueryClient, type DehydratedState } from '@tanstack/react-query'
import { liveHydration, prefetchLiveQuery, type LiveFetch } from '@zenstack-live/react'
import type { ReactElement } from 'react'
import { Tasks } from './app.tsx'
import { live } from './live.ts'

/** On the server, for each request: what this visitor may see, and its place in the stream. */
export async function readPage(cookie: string, fetch: LiveFetch): Promise<DehydratedState> {
  const queryClient = new QueryClient({ defaultOptions: liveHydration })
  const query = live.task.findMany({ where: { spaceId: 'garden' }, orderBy: { title: 'asc' } })
  await prefetchLiveQuery(queryClient, query, { endpoint: 'http://app.example/api/live', headers: { cookie }, fetch })
  return dehydrate(queryClient)
}
// #endregion

// #region page
/** In the browser too: the page's QueryClient is made with `defaultOptions: liveHydration`. */
export function Page({ state }: { state: DehydratedState }): ReactElement {
  return (
    <HydrationBoundary state={state}>
      <Tasks spaceId="garden" />
    </HydrationBoundary>
  )
}
// #endregion
