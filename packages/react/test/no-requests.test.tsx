import { focusManager, onlineManager, QueryClient } from '@tanstack/react-query'
import { act } from '@testing-library/react'
import { useLiveInfiniteQuery, useLiveQueries, useLiveQuery, useLiveSuspenseQuery } from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import { Suspense, useState, type ReactElement } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createHarness, pass, snapshot, value, type Harness } from './support/harness.tsx'

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
})
afterEach(() => {
  focusManager.setFocused(undefined)
  onlineManager.setOnline(true)
  vi.useRealTimers()
})

interface App {
  harness: Harness
  refetch: () => Promise<unknown>
  showAgain: () => void
}

const EAGER = { refetchOnWindowFocus: 'always', refetchOnReconnect: 'always', refetchOnMount: 'always' } as const

/** Every kind of live hook, and ZenStack's own of the same arguments, where all wish to fetch whenever they may. */
async function openApp(): Promise<App> {
  const harness = createHarness({}, new QueryClient({ defaultOptions: { queries: { ...EAGER, staleTime: 0 } } }))
  const { live } = harness
  let [refetch, showAgain] = [async (): Promise<unknown> => undefined, (): void => {}]
  function Rows(): ReactElement {
    const { data } = useClientQueries(schema).task.useFindMany(undefined, EAGER)
    const { data: count } = useLiveSuspenseQuery(live.task.count())
    useLiveInfiniteQuery(live.space.findMany({ take: 2 }))
    useLiveQueries(schema).task.useFindMany({ take: 1 }, { ...EAGER, refetchInterval: 1000 })
    return (
      <p>
        {data?.length} of {count}
      </p>
    )
  }
  function Page(): ReactElement {
    const [round, setRound] = useState(0)
    const tasks = useLiveQuery(live.task.findMany(), EAGER)
    refetch = () => tasks.refetch()
    showAgain = () => setRound((before) => before + 1)
    return <Suspense fallback={<i />}>{tasks.data !== undefined && <Rows key={round} />}</Suspense>
  }
  const { container } = harness.show(<Page />)
  // Rows show, then the count they suspend for, then the rest.
  for (let round = 0; round < 6; round++) {
    await pass(100)
    answer(harness)
  }
  await pass()
  expect([container.textContent, live.$status]).toEqual(['1 of 1', 'live'])
  return { harness, refetch: () => refetch(), showAgain: () => showAgain() }
}

let answered: unknown

/** Gives the newest stream a snapshot of each of its queries. */
function answer(harness: Harness): void {
  const connection = harness.connection(harness.edge.connections.length - 1)
  if (connection === answered) return
  answered = connection
  for (const [index, { operation }] of connection.body.queries.entries())
    connection.send(...(operation === 'count' ? value(harness.id(index), 5, 1) : snapshot(harness.id(index), 5, [{ id: 'a', title: 'A' }])))
  connection.endBatch(5)
}

describe('what is live causes no request', () => {
  it.each<[string, (app: App) => unknown]>([
    ['when the window has the focus again', () => [false, true].forEach((isFocused) => focusManager.setFocused(isFocused))],
    ['when the network is back', () => [false, true].forEach((isOnline) => onlineManager.setOnline(isOnline))],
    ['when everything is invalidated', ({ harness }) => harness.queryClient.invalidateQueries({ refetchType: 'all' })],
    ['when everything is fetched again', ({ harness }) => harness.queryClient.refetchQueries()],
    ['when everything is reset', ({ harness }) => harness.queryClient.resetQueries()],
    ['when a hook is asked to fetch again', ({ refetch }) => refetch()],
    ['when a component is mounted again', ({ showAgain }) => showAgain()],
    ['when an interval has passed', () => {}],
  ])('%s', async (_, happen) => {
    const app = await openApp()
    const { edge, live, queryClient } = app.harness
    const { requestCount } = edge
    await act(async () => {
      await happen(app)
    })
    await pass(2000)
    expect([edge.requestCount, edge.reads.map(({ url }) => url.pathname)]).toEqual([requestCount, []])
    expect([live.$status, queryClient.isFetching()]).toEqual(['live', 0])
  })
})
