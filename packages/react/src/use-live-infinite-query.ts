import { keepPreviousData, type InfiniteData } from '@tanstack/react-query'
import type { LiveQuery } from '@zenstack-live/client'
import { useCallback, useMemo, useState } from 'react'
import type { Falsy, LiveQueryOptions, LiveQueryResult, Optimistic } from './live-query-options.ts'
import { joinResults } from './use-live-key.ts'
import { useLiveQuery } from './use-live-query.ts'

export type LiveInfiniteQueryOptions<Row> = Omit<LiveQueryOptions<Row[]>, 'select' | 'placeholderData'> & {
  /** Rows of a page. @defaultValue the query's `take`, else 50 */
  readonly pageSize?: number
}

type RowsOf<T> = Optimistic<T[]> extends readonly (infer Shown)[] ? Shown[] : never

export type LiveInfiniteQueryResult<T> = Omit<LiveQueryResult<T[]>, 'data'> & {
  /** The rows seen so far, page by page; `pageParams` are the places they begin at. */
  readonly data: InfiniteData<RowsOf<T>, number> | undefined
  readonly hasNextPage: boolean
  readonly isFetchingNextPage: boolean
  /** Asks for one page more. What is shown stays until it is there. */
  readonly fetchNextPage: () => void
}

const DEFAULT_PAGE_ROWS = 50

/**
 * A live list that grows page by page. All pages are one window over the database, so that a row which is inserted, moved or removed
 * never shows twice and never falls between two pages.
 *
 * @param query - a `findMany`; its `take` is the page size. `cursor` and a negative `take` do not fit a window that grows downwards.
 */
export function useLiveInfiniteQuery<T>(query: LiveQuery<T[]> | Falsy, options: LiveInfiniteQueryOptions<T> = {}): LiveInfiniteQueryResult<T> {
  const { pageSize: givenSize, ...rest } = options
  const args = argsOf(query)
  const pageSize = givenSize ?? args.take ?? DEFAULT_PAGE_ROWS
  const base = query ? JSON.stringify([query.model, query.args], bigintText) : ''
  const [pages, setPages] = useState({ base, count: 1 })
  // Another list begins with its first page, in this very render.
  const count = pages.base === base ? pages.count : 1
  // One row more than is shown tells whether there is a next page.
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- ZenStack's types lose decimal.js where this is linted; with a bundler it is needed
  const result = useLiveQuery<T[]>(query && { ...query, args: { ...args, take: pageSize * count + 1 } }, {
    ...rest,
    ...(pages.base === base ? { placeholderData: keepPreviousData } : {}),
  } as LiveQueryOptions<T[]>)
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- likewise: rows are what the hook marked them to be
  const rows = result.data as RowsOf<T> | undefined
  const shownPages = result.isPlaceholderData ? count - 1 : count
  const hasNextPage = rows !== undefined && rows.length > pageSize * shownPages
  const isFetchingNextPage = result.isPlaceholderData && count > 1
  const data = useMemo(() => (rows === undefined ? undefined : pagesOf(rows, pageSize, shownPages)), [rows, pageSize, shownPages])
  const fetchNextPage = useCallback(() => {
    setPages((current) => {
      const known = current.base === base ? current.count : 1
      return hasNextPage && !isFetchingNextPage ? { base, count: known + 1 } : current
    })
  }, [base, hasNextPage, isFetchingNextPage])
  return joinResults(result, { data, hasNextPage, isFetchingNextPage, fetchNextPage }) as LiveInfiniteQueryResult<T>
}

function argsOf(query: LiveQuery<unknown> | Falsy): { take?: number } {
  const args = query ? query.args : undefined
  return typeof args === 'object' && args !== null ? args : {}
}

function pagesOf<Rows extends readonly unknown[]>(rows: Rows, pageSize: number, count: number): InfiniteData<Rows, number> {
  const pageParams = Array.from({ length: count }, (_, page) => page * pageSize).filter((start) => start === 0 || start < rows.length)
  // A slice of rows is rows.
  return { pages: pageParams.map((start) => rows.slice(start, start + pageSize) as unknown as Rows), pageParams }
}

function bigintText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}
