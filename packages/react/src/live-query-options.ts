import type { DefaultError, QueryKey, UseQueryOptions, UseQueryResult } from '@tanstack/react-query'
import type { LiveStatus } from '@zenstack-live/client'
import type { ModelQueryResult } from '@zenstackhq/tanstack-query/react'

/** What a live query decides itself: what and when to fetch. */
type Decided =
  | 'enabled'
  | 'queryKey'
  | 'queryFn'
  | 'queryKeyHashFn'
  | 'queryHash'
  | 'staleTime'
  | 'retry'
  | 'retryDelay'
  | 'initialData'
  | 'initialDataUpdatedAt'
  | 'persister'

export type LiveQueryOptions<T, TData = T> = Omit<UseQueryOptions<T, DefaultError, TData>, Decided> & {
  /** Whether ZenStack's optimistic updates may write into this query. @defaultValue true */
  readonly optimisticUpdate?: boolean
  /** Whether anything is asked; as with a falsy query, nothing is open otherwise. No function: the query is not in the cache when this is decided. @defaultValue true */
  readonly enabled?: boolean | undefined
}

/** What every live hook adds to TanStack's result. Reading `isLive` or `liveStatus` renders again when it changes; `lastSyncedAt` never does. */
export interface LiveFlags {
  /** The result follows the database. */
  readonly isLive: boolean
  readonly liveStatus: LiveStatus
  /** When the server last confirmed that the result is current, in milliseconds since 1970. */
  readonly lastSyncedAt: number | undefined
  readonly queryKey: QueryKey
}

/** TanStack's result; rows that were written here and have not come back yet carry `$optimistic`. */
export type LiveQueryResult<TData> = UseQueryResult<Optimistic<TData>> & LiveFlags

/** As ZenStack's hooks mark their rows. */
export type Optimistic<T> = Exclude<ModelQueryResult<T>['data'], undefined>

/** In place of a query: nothing is asked. */
export type Falsy = false | null | undefined | 0 | ''
