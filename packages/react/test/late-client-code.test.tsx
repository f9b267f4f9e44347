import { useLiveQuery, useLiveStatus, type LiveError } from '@zenstack-live/react'
import type { ReactElement } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { at, createHarness, pass, snapshot, type Harness } from './support/harness.tsx'

const LATER = '../../client/src/later.ts'

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
  vi.doMock(LATER, () => {
    throw new TypeError('no network')
  })
})
afterEach(() => {
  vi.doUnmock(LATER)
  vi.useRealTimers()
})

interface Seen {
  rows: string | undefined
  isLive: boolean
  liveStatus: string
  error: unknown
  badge: string
}

/** A list whose first rows are here, for whoever can read them. */
async function openList(): Promise<{ harness: Harness; seen: () => Seen | undefined; refetch: () => unknown }> {
  const harness = createHarness()
  let last: Seen | undefined
  let refetch = (): unknown => undefined
  function List(): ReactElement {
    const { data, isLive, liveStatus, error, ...result } = useLiveQuery(harness.live.task.findMany())
    const badge = useLiveStatus()
    refetch = result.refetch
    last = { rows: data?.map(({ id }) => id).join(), isLive, liveStatus, error: (error as LiveError | null)?.code, badge }
    return <p />
  }
  harness.show(<List />)
  await pass()
  harness.connection(0).send(...snapshot(harness.id(), 5, [{ id: 'a' }]))
  harness.connection(0).endBatch(5)
  await pass()
  return { harness, seen: () => last, refetch: () => refetch() }
}

/** The browser tells of a failure in its own time. */
async function showsSoon(read: () => unknown, expected: unknown): Promise<void> {
  await vi.waitFor(
    async () => {
      await pass(1000)
      expect(read()).toEqual(expected)
    },
    { timeout: 30_000 },
  )
}

describe('a client whose later code does not arrive', () => {
  it('says what is missing after some tries, and goes on when the code is there after all', async () => {
    const { harness, seen } = await openList()
    expect(seen()).toEqual({ rows: undefined, isLive: false, liveStatus: 'connecting', error: undefined, badge: 'connecting' })
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(6), ops: [{ op: 'enter', key: 'b', row: { id: 'b' }, sort: 'b' }] })
    harness.connection(0).endBatch(6)
    await showsSoon(seen, { rows: undefined, isLive: false, liveStatus: 'stalled', error: 'client_incomplete', badge: 'stalled' })
    vi.doUnmock(LATER)
    await showsSoon(seen, { rows: 'a,b', isLive: true, liveStatus: 'live', error: undefined, badge: 'live' })
  })

  it('says so to a query that came later, too', async () => {
    const { harness } = await openList()
    let seen: unknown
    function Notes(): ReactElement {
      const { status, error, liveStatus } = useLiveQuery(harness.live.space.findMany())
      seen = [status, (error as LiveError | null)?.code, liveStatus]
      return <p />
    }
    harness.show(<Notes />)
    await showsSoon(() => seen, ['error', 'client_incomplete', 'stalled'])
  })
})
