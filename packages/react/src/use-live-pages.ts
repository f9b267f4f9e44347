'use client'

import type { InfiniteData } from '@tanstack/react-query'
import type { LiveQuery } from '@zenstack-live/client'
import { useCallback, useMemo, useState } from 'react'
import type { Falsy, Optimistic } from './live-query-options.ts'

/** Rows as the hooks mark them. */
export type RowsOf<T> = Optimistic<T[]> extends readonly (infer Shown)[] ? Shown[] : never

export interface LivePages {
  /** The list's arguments, for one window over all pages that are asked for. One row more tells whether there is a next page. */
  readonly args: { readonly take: number }
  readonly pageSize: number
  readonly count: number
  /** It is another list than in the render before. */
  readonly isAnother: boolean
  /** One page more, or the first of another list. */
  readonly grow: () => void
}

const DEFAULT_PAGE_ROWS = 50

/** How many pages of a list are asked for. Another list begins with its first page, in this very render. */
export function useLivePages(query: LiveQuery<unknown> | Falsy, givenSize: number | undefined): LivePages {
  const args = argsOf(query)
  const pageSize = givenSize ?? args.take ?? DEFAULT_PAGE_ROWS
  const base = query ? JSON.stringify([query.model, query.args], bigintText) : ''
  const [pages, setPages] = useState({ base, count: 1 })
  const isAnother = pages.base !== base
  const count = isAnother ? 1 : pages.count
  const grow = useCallback(() => setPages((current) => ({ base, count: (current.base === base ? current.count : 1) + 1 })), [base])
  return { args: { ...args, take: pageSize * count + 1 }, pageSize, count, isAnother, grow }
}

/** The window's rows, page by page; the same object until they change. */
export function usePagesOf<Rows extends readonly unknown[]>(rows: Rows, pageSize: number, count: number): InfiniteData<Rows, number>
export function usePagesOf<Rows extends readonly unknown[]>(
  rows: Rows | undefined,
  pageSize: number,
  count: number,
): InfiniteData<Rows, number> | undefined
export function usePagesOf<Rows extends readonly unknown[]>(
  rows: Rows | undefined,
  pageSize: number,
  count: number,
): InfiniteData<Rows, number> | undefined {
  return useMemo(() => {
    if (rows === undefined) return undefined
    const pageParams = Array.from({ length: count }, (_, page) => page * pageSize).filter((start) => start === 0 || start < rows.length)
    // A slice of rows is rows.
    return { pages: pageParams.map((start) => rows.slice(start, start + pageSize) as unknown as Rows), pageParams }
  }, [rows, pageSize, count])
}

function argsOf(query: LiveQuery<unknown> | Falsy): { take?: number } {
  const args = query ? query.args : undefined
  return typeof args === 'object' && args !== null ? args : {}
}

function bigintText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}
