import { QueryErrorResetBoundary } from '@tanstack/react-query'
import { act, render } from '@testing-library/react'
import {
  type LiveInfiniteQueryResult,
  type LiveSuspenseInfiniteQueryResult,
  useLiveChanges,
  useLiveInfiniteQuery,
  useLiveQueries,
  useLiveQuery,
  useLiveStatus,
} from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import { Component, StrictMode, Suspense, type ReactElement, type ReactNode } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { at, createHarness, pass, snapshot, value } from './support/harness.tsx'

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('useLiveInfiniteQuery', () => {
  it('grows by a page, keeps what is shown until it is there, and tears no page apart when rows move', async () => {
    const harness = createHarness()
    const query = harness.live.task.findMany({ orderBy: { id: 'asc' }, take: 2 })
    let result: LiveInfiniteQueryResult<{ id: string }> | undefined
    function List(): ReactElement {
      result = useLiveInfiniteQuery(query)
      return <p />
    }
    const pages = (): string[] => result?.data?.pages.map((page) => page.map(({ id }) => id).join('')) ?? []
    harness.show(<List />)
    await pass()
    expect(harness.connection(0).body.queries[0]?.args).toEqual({ orderBy: { id: 'asc' }, take: 3 })
    harness.connection(0).send(...snapshot(harness.id(), 5, [{ id: 'b' }, { id: 'c' }, { id: 'd' }]))
    harness.connection(0).endBatch(5)
    await pass()
    expect([pages(), result?.hasNextPage]).toEqual([['bc'], true])
    act(() => result?.fetchNextPage())
    await pass(60)
    expect([pages(), result?.isFetchingNextPage]).toEqual([['bc'], true])
    const second = harness.connection(1)
    second.send({ event: 'ready', q: second.ids[0] ?? harness.id(), at: at(5, 0), engine: 'incremental', shape: 'rows', ticket: 't' })
    second.send(...snapshot(harness.id(1), 6, [{ id: 'b' }, { id: 'c' }, { id: 'd' }, { id: 'e' }]))
    second.endBatch(6)
    await pass()
    expect([pages(), result?.hasNextPage, result?.isFetchingNextPage]).toEqual([['bc', 'de'], false, false])
    second.send({ event: 'change', q: harness.id(1), at: at(7), ops: [{ op: 'enter', key: 'a', row: { id: 'a' }, sort: 'a' }] })
    second.endBatch(7)
    await pass()
    expect([pages(), result?.hasNextPage]).toEqual([['ab', 'cd'], true])
  })
})

describe('useLiveSuspenseInfiniteQuery', () => {
  it('suspends for the first page, then never again: what is shown stays, and stays live, until the next page is there', async () => {
    const harness = createHarness()
    let result: LiveSuspenseInfiniteQueryResult<{ id: string }> | undefined
    function List(): ReactElement {
      result = useLiveQueries(schema).task.useSuspenseInfiniteFindMany({ orderBy: { id: 'asc' }, take: 2 })
      return <p>{result.data.pages.map((page) => page.map(({ id }) => id).join('')).join(' ')}</p>
    }
    const view = harness.show(
      <Suspense fallback={<i>waiting</i>}>
        <List />
      </Suspense>,
    )
    await pass()
    expect(view.container.textContent).toBe('waiting')
    expect(harness.connection(0).body.queries[0]?.args).toEqual({ orderBy: { id: 'asc' }, take: 3 })
    const rows = (names: string): { id: string }[] => names.split('').map((id) => ({ id }))
    harness.connection(0).send(...snapshot(harness.id(), 5, rows('bcd')))
    harness.connection(0).endBatch(5)
    await pass()
    expect([view.container.textContent, result?.hasNextPage, result?.isFetchingNextPage]).toEqual(['bc', true, false])
    act(() => result?.fetchNextPage())
    act(() => result?.fetchNextPage())
    await pass(60)
    expect([view.container.textContent, result?.isFetchingNextPage]).toEqual(['bc', true])
    const [first, second] = [harness.connection(0), harness.connection(1)]
    expect(second.body.queries.map(({ args }) => (args as { take: number }).take)).toEqual([3, 5])
    first.send({ event: 'change', q: harness.id(0), at: at(6), ops: [{ op: 'enter', key: 'a', row: { id: 'a' }, sort: 'a' }] })
    first.endBatch(6)
    await pass()
    expect(view.container.textContent).toBe('ab')
    second.send(...snapshot(harness.id(0), 6, rows('abcd')), ...snapshot(harness.id(1), 6, rows('abcde')))
    second.endBatch(6)
    await pass()
    expect([view.container.textContent, result?.hasNextPage, result?.isFetchingNextPage]).toEqual(['ab cd', true, false])
    expect(harness.edge.connections).toHaveLength(2)
  })
})

describe('useLiveChanges', () => {
  it('calls back once for each change, with the newest function, and stops with the component', async () => {
    const harness = createHarness()
    const heard: string[] = []
    function Ears({ name }: { name: string }): ReactElement {
      useLiveChanges(harness.live.task.changes({ updated: { after: { status: 'DONE' } } }), (change) => {
        if (change.type === 'updated') heard.push(`${name}: ${change.updated.after.title} at ${change.date.toISOString()}`)
      })
      return <p />
    }
    const view = harness.show(<Ears name="one" />)
    await pass()
    const q = harness.id()
    harness.connection(0).send({ event: 'ready', q, at: at(5, 0), engine: 'incremental', shape: 'rows', ticket: 't' })
    harness.connection(0).endBatch(5)
    const tell = (lsn: number, title: string): void => {
      const date = '2026-01-02T03:04:05.000Z'
      harness
        .connection(0)
        .send({ event: 'changes', q, at: at(lsn), changes: [{ type: 'updated', date, updated: { before: { title: '' }, after: { title } } }] })
      harness.connection(0).endBatch(lsn)
    }
    tell(6, 'dig')
    await pass()
    view.rerender(harness.wrap(<Ears name="two" />))
    tell(7, 'sow')
    tell(7, 'sow')
    await pass()
    view.unmount()
    tell(8, 'water')
    await pass()
    expect(heard).toEqual(['one: dig at 2026-01-02T03:04:05.000Z', 'two: sow at 2026-01-02T03:04:05.000Z'])
    expect(harness.edge.connections).toHaveLength(1)
  })
})

describe('useLiveStatus', () => {
  it('follows the connection', async () => {
    const harness = createHarness()
    const seen: string[] = []
    function Badge(): ReactElement {
      const status = useLiveStatus()
      if (seen.at(-1) !== status) seen.push(status)
      return <p />
    }
    function Query(): ReactElement {
      useLiveQuery(harness.live.task.findMany())
      return <p />
    }
    harness.show(
      <>
        <Badge />
        <Query />
      </>,
    )
    await pass()
    harness.connection(0).send(...snapshot(harness.id(), 5, []))
    harness.connection(0).endBatch(5)
    await pass()
    harness.connection(0).cut()
    await pass()
    expect(seen).toEqual(['idle', 'connecting', 'live', 'catching-up'])
  })
})

describe('useLiveQueries', () => {
  it('has every hook of ZenStack that reads, and no other', () => {
    const harness = createHarness()
    let live: string[] = []
    let plain: string[] = []
    function Names(): ReactElement {
      live = Object.keys(useLiveQueries(schema).task)
      plain = Object.keys(useClientQueries(schema).task)
      return <p />
    }
    harness.show(<Names />)
    expect(live.sort()).toEqual(plain.filter((name) => !/^use(Create|Update|Upsert|Delete)/.test(name)).sort())
    expect(live).toContain('useSuspenseInfiniteFindMany')
  })

  it('has the names of ZenStack hooks, and shares their entries', async () => {
    const harness = createHarness()
    const seen: unknown[] = []
    function Names(): ReactElement {
      const live = useLiveQueries(schema)
      const { data, queryKey } = live.task.useFindMany({ select: { title: true } }, { select: (tasks) => tasks.slice(0, 1) })
      const { data: count } = live.task.useCount()
      seen.push([data?.map(({ title }) => title), count, queryKey.slice(0, 3)])
      return <p />
    }
    harness.show(<Names />)
    await pass()
    harness.connection(0).send(
      ...snapshot(harness.id(0), 5, [
        { id: 'a', title: 'A' },
        { id: 'b', title: 'B' },
      ]),
      ...value(harness.id(1), 5, 2),
    )
    harness.connection(0).endBatch(5)
    await pass()
    expect(seen.at(-1)).toEqual([['A'], 2, ['zenstack', 'Task', 'findMany']])
  })
})

describe('useLiveQuery', () => {
  it('renders once for each transaction that changes what is selected, and never for others', async () => {
    const harness = createHarness()
    let renders = 0
    function Titles(): ReactElement {
      const { data } = useLiveQuery(harness.live.task.findMany(), { select: (tasks) => tasks.map(({ title }) => title) })
      renders++
      return <p>{data}</p>
    }
    harness.show(<Titles />)
    await pass()
    harness.connection(0).send(...snapshot(harness.id(), 5, [{ id: 'a', title: 'A', priority: 1 }]))
    harness.connection(0).endBatch(5)
    await pass()
    const before = renders
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(6), ops: [{ op: 'update', key: 'a', set: { priority: 2 } }] })
    harness.connection(0).endBatch(6)
    await pass()
    harness.connection(0).endBatch(7)
    await pass()
    expect(renders).toBe(before)
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(8), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] })
    harness.connection(0).endBatch(8)
    await pass()
    expect(renders).toBe(before + 1)
  })

  it('does not render for the status where nobody reads it', async () => {
    const harness = createHarness()
    let [plain, reading] = [0, 0]
    function Plain(): ReactElement {
      const { data } = useLiveQuery(harness.live.task.findMany())
      plain++
      return <p>{data?.length}</p>
    }
    function Reading(): ReactElement {
      const { liveStatus } = useLiveQuery(harness.live.task.findMany())
      reading++
      return <p>{liveStatus}</p>
    }
    harness.show(
      <>
        <Plain />
        <Reading />
      </>,
    )
    await pass()
    harness.connection(0).send(...snapshot(harness.id(), 5, []))
    harness.connection(0).endBatch(5)
    await pass()
    ;[plain, reading] = [0, 0]
    harness.connection(0).cut()
    await pass()
    expect([plain, reading]).toEqual([0, 1])
  })

  it('has the error of a refused query, throws it to a boundary where asked, and asks again on refetch', async () => {
    const harness = createHarness()
    let retry = (): unknown => undefined
    const seen: unknown[] = []
    function Refused(): ReactElement {
      const { error, refetch, status } = useLiveQuery(harness.live.task.findMany())
      retry = refetch
      seen.push([status, error === null ? null : (error as Error & { code?: string }).code])
      return <p />
    }
    harness.show(<Refused />)
    await pass()
    harness.connection(0).send({ event: 'error', q: harness.id(), code: 'not_live', message: 'no' })
    await pass()
    expect(seen.at(-1)).toEqual(['error', 'not_live'])
    void retry()
    await pass(60)
    harness.connection(harness.edge.connections.length - 1).send(...snapshot(harness.id(), 5, []))
    harness.connection(harness.edge.connections.length - 1).endBatch(5)
    await pass()
    expect(seen.at(-1)).toEqual(['success', null])
  })

  it('throws to the error boundary with throwOnError', async () => {
    const harness = createHarness()
    class Boundary extends Component<{ children: ReactNode }, { error: Error | undefined }> {
      override state = { error: undefined as Error | undefined }
      static getDerivedStateFromError(error: Error): { error: Error } {
        return { error }
      }
      override render(): ReactNode {
        return this.state.error === undefined ? this.props.children : <b>{this.state.error.message}</b>
      }
    }
    function Thrown(): ReactElement {
      useLiveQuery(harness.live.task.findMany(), { throwOnError: true })
      return <p />
    }
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const view = harness.show(
      <QueryErrorResetBoundary>
        <Boundary>
          <Thrown />
        </Boundary>
      </QueryErrorResetBoundary>,
    )
    await pass()
    harness.connection(0).send({ event: 'error', q: harness.id(), code: 'not_live', message: 'no' })
    await pass()
    expect(view.container.innerHTML).toContain('Task.findMany')
    log.mockRestore()
  })

  it('forgets nobody when a component is unmounted before its first result', async () => {
    const harness = createHarness()
    function List(): ReactElement {
      const { data } = useLiveQuery(harness.live.task.findMany())
      return <p>{data?.length ?? 'none'}</p>
    }
    const first = harness.show(
      <StrictMode>
        <List />
      </StrictMode>,
    )
    await pass()
    first.unmount()
    const second = harness.show(<List />)
    await pass()
    harness.connection(0).send(...snapshot(harness.id(), 5, [{ id: 'a' }]))
    harness.connection(0).endBatch(5)
    await pass()
    expect(second.container.textContent).toBe('1')
    expect(harness.edge.connections).toHaveLength(1)
    second.unmount()
    await pass(5_100)
    expect(harness.connection(0).isClosed).toBe(true)
  })

  it('says what is missing when there is no provider', () => {
    const harness = createHarness()
    function Lost(): ReactElement {
      useLiveQuery(harness.live.task.findMany())
      return <p />
    }
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    expect(() => render(<Lost />)).toThrow(/LiveProvider/)
    log.mockRestore()
  })
})
