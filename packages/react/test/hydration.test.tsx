import { dehydrate, type DehydratedState, hydrate, HydrationBoundary, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act } from '@testing-library/react'
import { liveHydration, LiveProvider, prefetchLiveQuery, useLiveQuery, useLiveSuspenseQuery } from '@zenstack-live/react'
import { createFakeEdge, fakePosition } from '@zenstack-live/testing/fake-edge'
import { Suspense, type ReactElement } from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { at, createHarness, pass, snapshot } from './support/harness.tsx'

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
})
afterEach(() => {
  vi.useRealTimers()
})

const RESUME = (lsn: number): unknown => ({
  at: at(lsn, 0),
  shape: 'rows',
  keys: ['a'],
  sorts: ['a'],
})

/** What a server does: reads, and hands the cache over as JSON text. */
async function prefetched(query: Parameters<typeof prefetchLiveQuery>[1], lsn: number, rows: unknown[], meta?: unknown): Promise<DehydratedState> {
  const edge = createFakeEdge()
  const queryClient = new QueryClient({ defaultOptions: liveHydration })
  const done = prefetchLiveQuery(queryClient, query, { endpoint: 'http://edge/live', fetch: edge.fetch, headers: { cookie: 'session=1' } })
  await vi.advanceTimersByTimeAsync(0)
  edge.reads[0]?.respond({
    data: rows,
    ...(meta === undefined ? {} : { meta: { serialization: meta } }),
    position: fakePosition(lsn),
    ticket: 'from-the-server',
    resume: RESUME(lsn),
  })
  await done
  return JSON.parse(JSON.stringify(dehydrate(queryClient))) as DehydratedState
}

describe('a page that was read on a server', () => {
  it('shows the result in its first render, and resumes from it without a snapshot', async () => {
    const harness = createHarness({}, new QueryClient({ defaultOptions: liveHydration }))
    const query = harness.live.task.findMany()
    const state = await prefetched(query, 5, [{ id: 'a', title: 'A', dueAt: '2026-01-02T00:00:00.000Z' }], { values: { '0.dueAt': ['Date'] }, v: 1 })
    const shown: unknown[] = []
    function List(): ReactElement {
      const { data, isLive } = useLiveQuery(harness.live.task.findMany())
      shown.push([data?.map(({ title, dueAt }) => [title, dueAt?.getTime()]), isLive])
      return <p />
    }
    harness.show(
      <HydrationBoundary state={state}>
        <List />
      </HydrationBoundary>,
    )
    const time = Date.parse('2026-01-02')
    expect(shown[0]).toEqual([[['A', time]], false])
    await pass()
    expect(harness.edge.reads).toHaveLength(0)
    expect(harness.connection(0).body).toMatchObject({ lastEventId: fakePosition(5), queries: [{ ticket: 'from-the-server' }] })
    harness.connection(0).send({ event: 'ready', q: harness.id(), at: at(6, 0), engine: 'incremental', shape: 'rows', ticket: 't' })
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(7), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] })
    harness.connection(0).endBatch(7)
    await pass()
    expect(shown.at(-1)).toEqual([[['A2', time]], true])
  })

  it('goes on from the earliest of several reads', async () => {
    const harness = createHarness({}, new QueryClient({ defaultOptions: liveHydration }))
    const early = await prefetched(harness.live.task.findMany(), 5, [{ id: 'a' }])
    const late = await prefetched(harness.live.space.findMany(), 9, [{ id: 'a' }])
    function Lists(): ReactElement {
      useLiveQuery(harness.live.space.findMany())
      useLiveQuery(harness.live.task.findMany())
      return <p />
    }
    harness.show(
      <HydrationBoundary state={early}>
        <HydrationBoundary state={late}>
          <Lists />
        </HydrationBoundary>
      </HydrationBoundary>,
    )
    await pass()
    expect(harness.connection(0).body.lastEventId).toBe(fakePosition(5))
  })

  it('takes a snapshot where something else was put in place of the read', async () => {
    const harness = createHarness({}, new QueryClient({ defaultOptions: liveHydration }))
    const query = harness.live.task.findMany()
    hydrate(harness.queryClient, await prefetched(query, 5, [{ id: 'a', title: 'read' }]))
    await pass(10)
    const [cached] = harness.queryClient.getQueryCache().getAll()
    harness.queryClient.setQueryData(cached?.queryKey ?? [], [
      { id: 'b', title: 'put' },
      { id: 'a', title: 'read' },
    ])
    function List(): ReactElement {
      return (
        <p>
          {useLiveQuery(query)
            .data?.map(({ title }) => title)
            .join(' ')}
        </p>
      )
    }
    const view = harness.show(<List />)
    await pass()
    expect(view.container.textContent).toBe('put read')
    expect(JSON.stringify(harness.connection(0).body)).not.toContain('from-the-server')
    harness.connection(0).send(...snapshot(harness.id(), 7, [{ id: 'a', title: 'streamed' }]))
    harness.connection(0).endBatch(7)
    await pass()
    expect(view.container.textContent).toBe('streamed')
  })

  it('takes a snapshot where the read says nothing of its place, and shows the read until then', async () => {
    const harness = createHarness()
    const edge = createFakeEdge()
    const done = prefetchLiveQuery(harness.queryClient, harness.live.task.findMany(), { endpoint: 'http://edge/live', fetch: edge.fetch })
    await vi.advanceTimersByTimeAsync(0)
    edge.reads[0]?.respond({ data: [{ id: 'a', title: 'read' }], position: 'p', ticket: 't' })
    await done
    const shown: (string | undefined)[] = []
    function List(): ReactElement {
      const { data } = useLiveQuery(harness.live.task.findMany())
      shown.push(data?.[0]?.title)
      return <p />
    }
    harness.show(<List />)
    await pass()
    expect(harness.connection(0).body.lastEventId).toBeUndefined()
    harness.connection(0).send(...snapshot(harness.id(), 5, [{ id: 'a', title: 'streamed' }]))
    harness.connection(0).endBatch(5)
    await pass()
    expect([...new Set(shown)]).toEqual(['read', 'streamed'])
  })

  it('gives way to what is live already, however late it arrives', async () => {
    const harness = createHarness({}, new QueryClient({ defaultOptions: liveHydration }))
    const query = harness.live.task.findMany()
    const state = await prefetched(query, 5, [{ id: 'a', title: 'read' }])
    function List(): ReactElement {
      return <p>{useLiveQuery(query).data?.[0]?.title}</p>
    }
    const view = harness.show(<List />)
    await pass()
    harness.connection(0).send(...snapshot(harness.id(), 7, [{ id: 'a', title: 'streamed' }]))
    harness.connection(0).endBatch(7)
    await pass()
    // The server's clock is ahead, or the page took long to arrive.
    const later = state.queries.map((one) => ({ ...one, state: { ...one.state, dataUpdatedAt: Date.now() + 60_000 } }))
    act(() => hydrate(harness.queryClient, { ...state, queries: later }))
    await pass()
    expect(view.container.textContent).toBe('streamed')
  })

  it('is not stopped by a read that fails', async () => {
    const queryClient = new QueryClient()
    const harness = createHarness()
    await prefetchLiveQuery(queryClient, harness.live.task.findMany(), { fetch: () => Promise.reject(new Error('down')) })
    expect(queryClient.getQueryCache().getAll()).toHaveLength(0)
  })
})

describe('rendering on a server', () => {
  it('opens nothing', () => {
    const harness = createHarness()
    function List(): ReactElement {
      const { status, isLive } = useLiveQuery(harness.live.task.findMany())
      return (
        <p>
          {status} {String(isLive)}
        </p>
      )
    }
    const html = renderToString(
      <QueryClientProvider client={harness.queryClient}>
        <LiveProvider client={harness.live}>
          <List />
        </LiveProvider>
      </QueryClientProvider>,
    )
    expect(html).toContain('pending')
    expect(harness.edge.requestCount).toBe(0)
  })

  it('keeps nothing of what it shows: the client outlives the request, and serves everybody', async () => {
    const queryClient = new QueryClient({ defaultOptions: liveHydration })
    const harness = createHarness({}, queryClient)
    const query = harness.live.task.findMany()
    const state = await prefetched(query, 5, [{ id: 'a', title: 'A' }])
    function List(): ReactElement {
      const { data } = useLiveQuery(query)
      return <p>{data?.[0]?.title}</p>
    }
    vi.stubGlobal('window', undefined)
    try {
      const html = renderToString(
        <QueryClientProvider client={queryClient}>
          <LiveProvider client={harness.live}>
            <HydrationBoundary state={state}>
              <List />
            </HydrationBoundary>
          </LiveProvider>
        </QueryClientProvider>,
      )
      expect(html).toBe('<p>A</p>')
    } finally {
      vi.unstubAllGlobals()
    }
    const states: unknown[] = []
    harness.live.subscribe(query, ({ data }) => states.push(data))()
    expect(states).toEqual([undefined])
  })
})

describe('useLiveSuspenseQuery', () => {
  it('suspends until the snapshot is there, then never again', async () => {
    const harness = createHarness()
    const shown: string[] = []
    function List(): ReactElement {
      const { data, isLive } = useLiveSuspenseQuery(harness.live.task.findMany())
      shown.push(`${data.length} ${String(isLive)}`)
      return <p />
    }
    const view = harness.show(
      <Suspense fallback={<i>waiting</i>}>
        <List />
      </Suspense>,
    )
    await pass()
    expect(view.container.innerHTML).toContain('waiting')
    harness.connection(0).send(...snapshot(harness.id(), 5, [{ id: 'a' }]))
    harness.connection(0).endBatch(5)
    await pass()
    expect(shown.at(-1)).toBe('1 true')
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(7), ops: [{ op: 'leave', key: 'a' }] })
    harness.connection(0).endBatch(7)
    await pass()
    expect(shown.at(-1)).toBe('0 true')
    expect(harness.edge.requestCount).toBe(1)
  })
})
