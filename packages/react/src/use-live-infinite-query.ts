'use client'

import { keepPreviousData, type InfiniteData } from '@tanstack/react-query'
import type { LiveQuery } from '@zenstack-live/client'
import { useCallback } from 'react'
import type { Falsy, LiveQueryOptions, LiveQueryResult } from './live-query-options.ts'
import { joinResults } from './use-live-key.ts'
import { useLivePages, usePagesOf, type RowsOf } from './use-live-pages.ts'
import { useLiveQuery } from './use-live-query.ts'

export type LiveInfiniteQueryOptions<Row> = Omit<LiveQueryOptions<Row[]>, 'select' | 'placeholderData'> & {
  /** Rows of a page. @defaultValue the query's `take`, else 50 */
  readonly pageSize?: number
}

export type LiveInfiniteQueryResult<T> = Omit<LiveQueryResult<T[]>, 'data'> & {
  /** The rows seen so far, page by page; `pageParams` are the places they begin at. */
  readonly data: InfiniteData<RowsOf<T>, number> | undefined
  readonly hasNextPage: boolean
  readonly isFetchingNextPage: boolean
  /** Asks for one page more. What is shown stays until it is there. */
  readonly fetchNextPage: () => void
}

/**
 * A live list that grows page by page. All pages are one window over the database, so that a row which is inserted, moved or removed
 * never shows twice and never falls between two pages.
 *
 * @param query - a `findMany`; its `take` is the page size. `cursor` and a negative `take` do not fit a window that grows downwards.
 */
export function useLiveInfiniteQuery<T>(query: LiveQuery<T[]> | Falsy, options: LiveInfiniteQueryOptions<T> = {}): LiveInfiniteQueryResult<T> {
  const { pageSize: givenSize, ...rest } = options
  const { args, pageSize, count, isAnother, grow } = useLivePages(query, givenSize)
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- ZenStack's types lose decimal.js where this is linted; with a bundler it is needed
  const result = useLiveQuery<T[]>(query && { ...query, args }, {
    ...rest,
    ...(isAnother ? {} : { placeholderData: keepPreviousData }),
  } as LiveQueryOptions<T[]>)
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- likewise: rows are what the hook marked them to be
  const rows = result.data as RowsOf<T> | undefined
  const shownPages = result.isPlaceholderData ? count - 1 : count
  const hasNextPage = rows !== undefined && rows.length > pageSize * shownPages
  const isFetchingNextPage = result.isPlaceholderData && count > 1
  const data = usePagesOf(rows, pageSize, shownPages)
  const fetchNextPage = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) grow()
  }, [grow, hasNextPage, isFetchingNextPage])
  return joinResults(result, { data, hasNextPage, isFetchingNextPage, fetchNextPage }) as LiveInfiniteQueryResult<T>
}
