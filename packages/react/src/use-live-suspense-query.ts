'use client'

import { useSuspenseQuery, type UseSuspenseQueryOptions, type UseSuspenseQueryResult } from '@tanstack/react-query'
import type { LiveQuery } from '@zenstack-live/client'
import type { LiveFlags, LiveQueryOptions, Optimistic } from './live-query-options.ts'
import { joinResults, useLiveKey } from './use-live-key.ts'

export type LiveSuspenseQueryOptions<T, TData = T> = Omit<LiveQueryOptions<T, TData>, 'enabled' | 'throwOnError' | 'placeholderData' | 'subscribed'>
export type LiveSuspenseQueryResult<TData> = UseSuspenseQueryResult<Optimistic<TData>> & LiveFlags

/**
 * As {@link useLiveQuery}, but suspends until there is a result and throws to the error boundary when there is none. On a server it reads
 * once over HTTP; give the client an absolute endpoint there, or prefetch.
 */
export function useLiveSuspenseQuery<T, TData = T>(
  query: LiveQuery<T>,
  options: LiveSuspenseQueryOptions<T, TData> = {},
): LiveSuspenseQueryResult<TData> {
  const { optimisticUpdate = true, ...rest } = options
  const key = useLiveKey(query, true, optimisticUpdate)
  // The store's values are what the descriptor's type says: both come from the one schema.
  const queryOptions = { structuralSharing: key.structuralSharing, ...rest, ...key.options } as UseSuspenseQueryOptions<T, Error, TData>
  const result = useSuspenseQuery(queryOptions) as UseSuspenseQueryResult<Optimistic<TData>>
  return joinResults(result, key.flags)
}
