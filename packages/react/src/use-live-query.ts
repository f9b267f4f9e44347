'use client'

import { useQuery, type UseQueryOptions, type UseQueryResult } from '@tanstack/react-query'
import type { LiveQuery } from '@zenstack-live/client'
import type { Falsy, LiveQueryOptions, LiveQueryResult, Optimistic } from './live-query-options.ts'
import { joinResults, useLiveKey } from './use-live-key.ts'

/** Stands in for a falsy descriptor: a key that nothing is ever written to. */
const NO_QUERY: LiveQuery<never> = { model: '', operation: 'findMany', args: null }

/**
 * A ZenStack read that stays current: TanStack's `useQuery` result, plus `isLive`, `liveStatus` and `lastSyncedAt`.
 * It renders once for each transaction that changes the result. A falsy query asks nothing.
 *
 * @example
 * ```tsx
 * const { data, isLive } = useLiveQuery(spaceId && live.task.findMany({ where: { spaceId } }))
 * ```
 */
export function useLiveQuery<T, TData = T>(query: LiveQuery<T> | Falsy, options: LiveQueryOptions<T, TData> = {}): LiveQueryResult<TData> {
  const { optimisticUpdate = true, ...rest } = options
  const isEnabled = Boolean(query) && options.enabled !== false && options.subscribed !== false
  const key = useLiveKey(query || NO_QUERY, isEnabled, optimisticUpdate)
  // The store's values are what the descriptor's type says: both come from the one schema.
  const queryOptions = {
    structuralSharing: key.structuralSharing,
    ...rest,
    placeholderData: key.placeholder(rest.placeholderData),
    ...key.options,
    enabled: query ? (rest.enabled ?? true) : false,
  } as UseQueryOptions<T, Error, TData>
  const result = useQuery(queryOptions) as UseQueryResult<Optimistic<TData>>
  return joinResults(result, key.flags)
}
