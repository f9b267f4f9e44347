'use client'

import type { InfiniteData } from '@tanstack/react-query'
import type { LiveQuery } from '@zenstack-live/client'
import { useCallback, useTransition } from 'react'
import { joinResults } from './use-live-key.ts'
import type { LiveInfiniteQueryResult } from './use-live-infinite-query.ts'
import { useLivePages, usePagesOf, type RowsOf } from './use-live-pages.ts'
import { useLiveSuspenseQuery, type LiveSuspenseQueryOptions, type LiveSuspenseQueryResult } from './use-live-suspense-query.ts'

export type LiveSuspenseInfiniteQueryOptions<Row> = Omit<LiveSuspenseQueryOptions<Row[]>, 'select'> & {
  /** Rows of a page. @defaultValue the query's `take`, else 50 */
  readonly pageSize?: number
}

export type LiveSuspenseInfiniteQueryResult<T> = Omit<LiveSuspenseQueryResult<T[]>, 'data'> &
  Pick<LiveInfiniteQueryResult<T>, 'hasNextPage' | 'isFetchingNextPage' | 'fetchNextPage'> & {
    /** The rows seen so far, page by page; `pageParams` are the places they begin at. */
    readonly data: InfiniteData<RowsOf<T>, number>
  }

/**
 * As {@link useLiveInfiniteQuery}, but suspends until the first page is there. A further page is a transition: what is shown stays, and stays live,
 * until it is there.
 */
export function useLiveSuspenseInfiniteQuery<T>(
  query: LiveQuery<T[]>,
  options: LiveSuspenseInfiniteQueryOptions<T> = {},
): LiveSuspenseInfiniteQueryResult<T> {
  const { pageSize: givenSize, ...rest } = options
  const [isFetchingNextPage, startTransition] = useTransition()
  const { args, pageSize, count, grow } = useLivePages(query, givenSize)
  const result = useLiveSuspenseQuery<T[]>({ ...query, args }, rest)
  const rows = result.data
  const hasNextPage = rows.length > pageSize * count
  const data = usePagesOf(rows, pageSize, count)
  const fetchNextPage = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) startTransition(grow)
  }, [grow, hasNextPage, isFetchingNextPage])
  return joinResults(result, { data, hasNextPage, isFetchingNextPage, fetchNextPage })
}
