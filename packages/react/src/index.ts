export { LiveProvider, type LiveProviderProps } from './live-provider.ts'
export type { Falsy, LiveFlags, LiveQueryOptions, LiveQueryResult } from './live-query-options.ts'
export { liveHydration, prefetchLiveQuery, type PrefetchOptions } from './prefetch-live-query.ts'
export { useLiveChanges } from './use-live-changes.ts'
export { useLiveInfiniteQuery, type LiveInfiniteQueryOptions, type LiveInfiniteQueryResult } from './use-live-infinite-query.ts'
export { useLiveQueries, type LiveHooks, type LiveModelHooks } from './use-live-queries.ts'
export { useLiveQuery } from './use-live-query.ts'
export { useLiveStatus } from './use-live-status.ts'
export {
  useLiveSuspenseInfiniteQuery,
  type LiveSuspenseInfiniteQueryOptions,
  type LiveSuspenseInfiniteQueryResult,
} from './use-live-suspense-infinite-query.ts'
export { useProjection, type LiveProjectionResult } from './use-projection.ts'
export { useLiveSuspenseQuery, type LiveSuspenseQueryOptions, type LiveSuspenseQueryResult } from './use-live-suspense-query.ts'
export {
  CLIENT_LIMITS,
  createLiveClient,
  LiveError,
  type AnyClient,
  type ChangesFilter,
  type ClientLimits,
  type ErrorCode,
  type LiveChange,
  type LiveChanges,
  type LiveClient,
  type LiveClientMembers,
  type LiveClientOptions,
  type LiveFetch,
  type LiveModel,
  type LiveModels,
  type LiveProjection,
  type LiveQuery,
  type LiveState,
  type LiveStatus,
  type ProjectionView,
} from '@zenstack-live/client'
