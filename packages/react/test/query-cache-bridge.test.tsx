import { useLiveQuery } from '@zenstack-live/react'
import type { ReactElement } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { at, createHarness, pass, snapshot, type Harness } from './support/harness.tsx'

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
})
afterEach(() => {
  vi.useRealTimers()
})

const LINGER_MS = 5_100

/** Two components, x and y: those whose names are given are mounted, and say what they show. */
function pairOf(harness: Harness, first: Parameters<typeof useLiveQuery>, second: Parameters<typeof useLiveQuery>): (names: string) => ReactElement {
  const args: Readonly<Record<string, Parameters<typeof useLiveQuery>>> = { x: first, y: second }
  function List({ name }: { name: string }): ReactElement {
    const [query, options] = args[name] ?? []
    const { data, isLive } = useLiveQuery(query as ReturnType<typeof harness.live.task.findMany>, options as object)
    return <p>{`${name} ${data?.map(({ title }) => title).join('') ?? 'none'} ${String(isLive)}; `}</p>
  }
  return (names) => harness.wrap(names.split('').map((name) => <List key={name} name={name} />))
}

/** All queries of a stream are answered with one task of this title. */
async function answer(harness: Harness, stream: number, lsn: number, title: string): Promise<void> {
  const { ids, send, endBatch } = harness.connection(stream)
  send(...ids.flatMap((id) => snapshot(id, lsn, [{ id: 'a', title }])))
  endBatch(lsn)
  await pass()
}

async function rename(harness: Harness, stream: number, lsn: number, title: string): Promise<void> {
  const { ids, send, endBatch } = harness.connection(stream)
  for (const q of ids) send({ event: 'change', q, at: at(lsn), ops: [{ op: 'update', key: 'a', set: { title } }] })
  endBatch(lsn)
  await pass()
}

/** Two hooks showed what ann may read when bob came, whom nobody has noticed yet, and the cache was emptied. */
async function showAnnAndEmptyForBob(): Promise<{ harness: Harness; view: ReturnType<Harness['show']> }> {
  let user = 'ann'
  const harness = createHarness({ identity: () => user })
  const query = harness.live.task.findMany()
  const view = harness.show(pairOf(harness, [query], [query])('xy'))
  await pass()
  await answer(harness, 0, 5, 'secret of ann')
  user = 'bob'
  harness.queryClient.clear()
  return { harness, view }
}

describe('two queries under one key', () => {
  // TanStack sorts the members of a key; a query's id does not, because in `orderBy` their order is meaning.
  async function openPair(names = 'xy'): Promise<{ harness: Harness; text(): string; show(names: string): void }> {
    const harness = createHarness()
    const pair = pairOf(
      harness,
      [harness.live.task.findMany({ where: { spaceId: 's', title: 't' } })],
      [harness.live.task.findMany({ where: { title: 't', spaceId: 's' } })],
    )
    const view = harness.show(pair(names))
    await pass()
    await answer(harness, 0, 5, 'A')
    return { harness, text: () => view.container.textContent, show: (next) => view.rerender(pair(next)) }
  }

  it('are shown by whoever is left, also long after the one that came first has gone', async () => {
    const { harness, text, show } = await openPair()
    expect(harness.connection(0).ids).toHaveLength(2)
    expect(text()).toBe('x A true; y A true; ')
    show('y')
    await pass(LINGER_MS)
    await answer(harness, 1, 6, 'A')
    expect(harness.connection(1).ids).toHaveLength(1)
    await rename(harness, 1, 7, 'B')
    expect(text()).toBe('y B true; ')
  })

  it('are shown also where the second came after the first had gone, and was still open', async () => {
    const { harness, text, show } = await openPair('x')
    show('')
    await pass(1000)
    show('y')
    await pass(60)
    await answer(harness, 1, 6, 'B')
    expect(text()).toBe('y B true; ')
    await pass(LINGER_MS)
    await answer(harness, 2, 7, 'B')
    expect(harness.connection(2).ids).toHaveLength(1)
    await rename(harness, 2, 8, 'C')
    expect(text()).toBe('y C true; ')
  })
})

describe('one query under two keys', () => {
  it('is current under both', async () => {
    const harness = createHarness()
    const query = harness.live.task.findMany()
    const pair = pairOf(harness, [query], [query, { optimisticUpdate: false }])
    const view = harness.show(pair('xy'))
    await pass()
    await answer(harness, 0, 5, 'A')
    expect(harness.connection(0).ids).toHaveLength(1)
    await rename(harness, 0, 6, 'B')
    expect(view.container.textContent).toBe('x B true; y B true; ')
    view.rerender(pair('x'))
    await pass(LINGER_MS)
    await rename(harness, 0, 7, 'C')
    expect(view.container.textContent).toBe('x C true; ')
    expect(harness.edge.requestCount).toBe(1)
  })
})

describe('a cache that is emptied', () => {
  it.each(['clear', 'removeQueries'] as const)('by %s goes on with what is live', async (how) => {
    const harness = createHarness()
    const query = harness.live.task.findMany()
    const view = harness.show(pairOf(harness, [query], [query])('xy'))
    await pass()
    await answer(harness, 0, 5, 'A')
    harness.queryClient[how]()
    await pass()
    await rename(harness, 0, 6, 'B')
    expect(view.container.textContent).toBe('x B true; y B true; ')
    expect(harness.edge.requestCount).toBe(1)
  })

  it('shows the next person nothing of the one before', async () => {
    const { harness, view } = await showAnnAndEmptyForBob()
    await pass()
    expect(view.container.textContent).toBe('x none false; y none false; ')
    await answer(harness, 1, 6, 'A')
    await rename(harness, 1, 7, 'B')
    expect(view.container.textContent).toBe('x B true; y B true; ')
  })
})

describe('a hook that lets go', () => {
  it('puts nothing of the person before into a cache that was emptied', async () => {
    const { harness, view } = await showAnnAndEmptyForBob()
    view.unmount()
    expect(
      JSON.stringify(
        harness.queryClient
          .getQueryCache()
          .getAll()
          .map(({ state }) => state.data),
      ),
    ).not.toContain('secret')
  })
})

describe('a cache that is emptied while the first result is on its way', () => {
  it('shows it when it comes, and says that nothing is fetched any more', async () => {
    const harness = createHarness()
    const query = harness.live.task.findMany()
    function List(): ReactElement {
      const { data, isFetching } = useLiveQuery(query)
      return <p>{`${data?.map(({ title }) => title).join('') ?? 'none'} ${String(isFetching)}`}</p>
    }
    const view = harness.show(<List />)
    await pass()
    harness.queryClient.clear()
    await pass()
    await answer(harness, 0, 5, 'A')
    await pass(100)
    expect(view.container.textContent).toBe('A false')
  })
})
