import { keepPreviousData, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, render, screen } from '@testing-library/react'
import { loadLater } from '@zenstack-live/client/internal'
import { parseEntryId, type EntryId, type Frame, type QueryId } from '@zenstack-live/protocol'
import { createLiveClient, LiveProvider, useLiveQuery } from '@zenstack-live/react'
import { createFakeEdge, type FakeConnection, type FakeEdge } from '@zenstack-live/testing/fake-edge'
import { schema } from '@zenstack-live/testing/workspace'
import { StrictMode, type ReactElement } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

// The client loads it beside the first results; faked time does not wait for files.
await loadLater()

const at = (lsn: number, index = 0): EntryId => parseEntryId(`${lsn}-${index}`)

function snapshot(q: QueryId, lsn: number, rows: { id: string; [field: string]: unknown }[]): Frame[] {
  return [
    { event: 'snapshot', q, at: at(lsn), part: 0, isLast: true, shape: 'rows', rows: rows.map((row) => ({ key: row.id, row, sort: row.id })) },
    { event: 'ready', q, at: at(lsn), engine: 'incremental', shape: 'rows', ticket: `ticket-${q}-${lsn}` },
  ]
}

let edge: FakeEdge
beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
  edge = createFakeEdge()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const pass = async (ms = 10): Promise<void> => {
  await act(() => vi.advanceTimersByTimeAsync(ms))
}
const connection = (index: number): FakeConnection => {
  const found = edge.connections[index]
  if (found === undefined) throw new Error(`There are ${edge.connections.length} connections, none has index ${index}.`)
  return found
}
const first = <T,>(items: readonly T[]): T => {
  const [item] = items
  if (item === undefined) throw new Error('Nothing there.')
  return item
}

describe('useLiveQuery', () => {
  it('shows the snapshot, then each transaction in one render', async () => {
    const live = createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch })
    let renders = 0
    function Tasks(): ReactElement {
      const { data, isLive, status } = useLiveQuery(live.task.findMany({ where: { spaceId: 's1' } }))
      renders++
      return (
        <p>
          {status} {String(isLive)} {data?.map(({ title }) => title).join(',')}
        </p>
      )
    }
    render(
      <QueryClientProvider client={new QueryClient()}>
        <LiveProvider client={live}>
          <Tasks />
        </LiveProvider>
      </QueryClientProvider>,
    )
    expect(screen.getByText('pending false')).toBeTruthy()
    await pass()
    const q = first(connection(0).ids)
    connection(0).send(...snapshot(q, 5, [{ id: 'a', title: 'A' }]))
    connection(0).endBatch(5)
    await pass()
    expect(screen.getByText('success true A')).toBeTruthy()
    const before = renders
    connection(0).send(
      { event: 'change', q, at: at(8, 1), ops: [{ op: 'enter', key: 'b', row: { id: 'b', title: 'B' }, sort: 'b' }] },
      { event: 'change', q, at: at(8, 2), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] },
    )
    connection(0).endBatch(8)
    await pass()
    expect(screen.getByText('success true A2,B')).toBeTruthy()
    expect(renders - before).toBe(1)
    connection(0).endBatch(9)
    connection(0).send({ event: 'change', q, at: at(10, 1), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] })
    connection(0).endBatch(10)
    await pass()
    expect(renders - before).toBe(1)
  })

  it('uses one connection in Strict Mode and asks nothing for a falsy query', async () => {
    const live = createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch })
    function Tasks({ spaceId }: { spaceId: string }): ReactElement {
      const { data, fetchStatus } = useLiveQuery(spaceId && live.task.findMany({ where: { spaceId } }))
      return (
        <p>
          {fetchStatus} {data?.length}
        </p>
      )
    }
    const app = (spaceId: string): ReactElement => (
      <StrictMode>
        <QueryClientProvider client={queryClient}>
          <LiveProvider client={live}>
            <Tasks spaceId={spaceId} />
          </LiveProvider>
        </QueryClientProvider>
      </StrictMode>
    )
    const queryClient = new QueryClient()
    const view = render(app(''))
    await pass(100)
    expect(edge.requestCount).toBe(0)
    expect(screen.getByText('idle')).toBeTruthy()
    view.rerender(app('s1'))
    await pass(100)
    expect(edge.requestCount).toBe(1)
  })

  it('shows nothing of the person before in the first render after the person changed', async () => {
    let userId = 'alice'
    const live = createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch, identity: () => userId })
    const shown: string[] = []
    function Tasks({ who }: { who: string }): ReactElement {
      const { data } = useLiveQuery(live.task.findMany())
      const text = `${who}: ${data?.map(({ title }) => title).join(',') ?? 'nothing'}`
      shown.push(text)
      return <p>{text}</p>
    }
    const queryClient = new QueryClient()
    const app = (): ReactElement => (
      <QueryClientProvider client={queryClient}>
        <LiveProvider client={live}>
          <Tasks who={userId} />
        </LiveProvider>
      </QueryClientProvider>
    )
    const view = render(app())
    await pass()
    connection(0).send(...snapshot(first(connection(0).ids), 5, [{ id: 'a', title: "Alice's secret" }]))
    connection(0).endBatch(5)
    await pass()
    expect(shown.at(-1)).toBe("alice: Alice's secret")
    userId = 'bob'
    view.rerender(app())
    await pass()
    expect(shown.filter((text) => text.startsWith('bob') && text !== 'bob: nothing')).toEqual([])
    expect(connection(0).isClosed).toBe(true)
    expect(connection(1).body.lastEventId).toBeUndefined()
    expect(JSON.stringify(connection(1).body)).not.toContain('ticket')
    connection(1).send(...snapshot(first(connection(1).ids), 6, [{ id: 'b', title: "Bob's" }]))
    connection(1).endBatch(6)
    await pass()
    expect(shown.at(-1)).toBe("bob: Bob's")
  })

  for (const noticed of ['in a render', 'between renders', 'in another tab']) {
    it(`shows nothing of the person before in place of what is not there yet: the change is noticed ${noticed}`, async () => {
      const tabs: EventTarget[] = []
      vi.stubGlobal(
        'BroadcastChannel',
        class extends EventTarget {
          constructor() {
            super()
            tabs.push(this)
          }
          postMessage(): void {}
          close(): void {}
        },
      )
      let userId = 'alice'
      const live = createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch, identity: () => userId })
      function Tasks({ spaceId }: { spaceId: string }): ReactElement {
        const { data } = useLiveQuery(live.task.findMany({ where: { spaceId } }), { placeholderData: keepPreviousData })
        return <p>{data?.map(({ title }) => title).join(',') ?? 'nothing'}</p>
      }
      // The query before is gone from the cache, but not from TanStack's observer.
      const queryClient = new QueryClient({ defaultOptions: { queries: { gcTime: 0 } } })
      const app = (spaceId: string): ReactElement => (
        <QueryClientProvider client={queryClient}>
          <LiveProvider client={live}>
            <Tasks spaceId={spaceId} />
          </LiveProvider>
        </QueryClientProvider>
      )
      const view = render(app('s1'))
      await pass()
      connection(0).send(...snapshot(first(connection(0).ids), 5, [{ id: 'a', title: "Alice's secret" }]))
      connection(0).endBatch(5)
      await pass()
      view.rerender(app('s2'))
      await pass()
      expect(view.container.textContent).toBe("Alice's secret")
      if (noticed === 'in another tab') tabs[0]?.dispatchEvent(new MessageEvent('message', { data: { left: 'alice', entered: null } }))
      else userId = 'bob'
      if (noticed === 'in a render') view.rerender(app('s2'))
      else expect(live.$status).toBeTypeOf('string')
      await pass()
      expect(view.container.textContent).toBe('nothing')
    })
  }
})
