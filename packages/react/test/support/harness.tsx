import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, render, type RenderResult } from '@testing-library/react'
import { loadLater } from '@zenstack-live/client/internal'
import { parseEntryId, type EntryId, type Frame, type QueryId } from '@zenstack-live/protocol'
import { createLiveClient, LiveProvider, type LiveClientOptions } from '@zenstack-live/react'
import { createFakeEdge, type FakeConnection, type FakeEdge, type FakeRead } from '@zenstack-live/testing/fake-edge'
import { schema } from '@zenstack-live/testing/workspace'
import { QuerySettingsProvider } from '@zenstackhq/tanstack-query/react'
import type { ReactElement, ReactNode } from 'react'
import { vi } from 'vitest'

// Both are loaded beside the first results; faked time does not wait for files.
await loadLater()
await import('../../src/own-writes.ts')

export interface FakeRow {
  id: string
  [field: string]: unknown
}

export const at = (lsn: number, index = 1): EntryId => parseEntryId(`${lsn}-${index}`)

/** A whole result, and that it is live from here on. */
export function snapshot(q: QueryId, lsn: number, rows: FakeRow[]): Frame[] {
  return [
    { event: 'snapshot', q, at: at(lsn, 0), part: 0, isLast: true, shape: 'rows', rows: rows.map((row) => ({ key: row.id, row, sort: row.id })) },
    { event: 'ready', q, at: at(lsn, 0), engine: 'incremental', shape: 'rows', ticket: `ticket-${q}-${lsn}` },
  ]
}

export function value(q: QueryId, lsn: number, result: unknown): Frame[] {
  return [
    { event: 'snapshot', q, at: at(lsn, 0), part: 0, isLast: true, shape: 'value', value: result },
    { event: 'ready', q, at: at(lsn, 0), engine: 'requery', shape: 'value', ticket: `ticket-${q}-${lsn}` },
  ]
}

/** An app over a server that does what the test says. */
export interface Harness {
  readonly edge: FakeEdge
  readonly live: ReturnType<typeof createLiveClient<typeof schema>>
  readonly queryClient: QueryClient
  connection(index: number): FakeConnection
  id(index?: number): QueryId
  read(index: number): FakeRead
  wrap(children: ReactNode): ReactElement
  show(children: ReactNode): RenderResult
}

export function createHarness(options: LiveClientOptions = {}, queryClient: QueryClient = new QueryClient()): Harness {
  const edge = createFakeEdge()
  const live = createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch, ...options })
  const at0 = <T,>(items: readonly T[], index: number, what: string): T => {
    const item = items[index]
    if (item === undefined) throw new Error(`There are ${items.length} ${what}, none has index ${index}.`)
    return item
  }
  const harness: Harness = {
    edge,
    live,
    queryClient,
    connection: (index) => at0(edge.connections, index, 'connections'),
    id: (index = 0) => at0(harness.connection(edge.connections.length - 1).ids, index, 'queries'),
    read: (index) => at0(edge.reads, index, 'reads'),
    wrap: (children) => (
      <QueryClientProvider client={queryClient}>
        <LiveProvider client={live}>
          <QuerySettingsProvider value={{ endpoint: 'http://edge/model', fetch: live.fetch }}>{children}</QuerySettingsProvider>
        </LiveProvider>
      </QueryClientProvider>
    ),
    show: (children) => render(harness.wrap(children)),
  }
  return harness
}

export async function pass(ms = 10): Promise<void> {
  await act(() => vi.advanceTimersByTimeAsync(ms))
}
