import { act } from '@testing-library/react'
import { useLiveQuery } from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import type { ReactElement } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { COMMIT, openBoard } from './support/board.tsx'
import { at, createHarness, pass, snapshot, value } from './support/harness.tsx'

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('an optimistic write', () => {
  it('shows at once, stays over newer frames, and gives way when the stream has passed its commit', async () => {
    const { harness, frames, update } = await openBoard()
    const done = update('a', 'A2')
    await pass()
    expect(frames).toEqual(['A B', 'A2* B'])
    // Someone else changes b before our commit arrives.
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(6), ops: [{ op: 'update', key: 'b', set: { title: 'B2' } }] })
    harness.connection(0).endBatch(6)
    await pass()
    expect(frames.at(-1)).toBe('A2* B2')
    harness.read(0).respond({ data: { id: 'a', title: 'A2' } }, COMMIT(8))
    await pass(100)
    expect(frames.at(-1)).toBe('A2* B2')
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(8), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] })
    harness.connection(0).endBatch(8)
    await pass()
    await act(() => done)
    expect(frames).toEqual(['A B', 'A2* B', 'A2* B2', 'A2 B2'])
    expect(harness.edge.reads).toHaveLength(1)
  })

  it('shows at once also where an earlier one has not come back', async () => {
    const { harness, frames, update } = await openBoard()
    void update('a', 'A2')
    await pass()
    void update('b', 'B2')
    await pass()
    void update('a', 'A3')
    await pass()
    expect(frames).toEqual(['A B', 'A2* B', 'A2* B2*', 'A3* B2*'])
    for (const [index, lsn] of [8, 9, 10].entries()) harness.read(index).respond({ data: {} }, COMMIT(lsn))
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(8), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] })
    harness.connection(0).endBatch(8)
    await pass(100)
    expect(frames.at(-1)).toBe('A3* B2*')
    harness.connection(0).send({
      event: 'change',
      q: harness.id(),
      at: at(10),
      ops: [
        { op: 'update', key: 'b', set: { title: 'B2' } },
        { op: 'update', key: 'a', set: { title: 'A3' } },
      ],
    })
    harness.connection(0).endBatch(10)
    await pass(100)
    expect(frames.slice(3)).toEqual(['A3* B2*', 'A3 B2'])
  })

  it('does not lose its mark while another one begins that touches something else', async () => {
    const { frames, update } = await openBoard()
    void update('a', 'A2')
    await pass()
    void update('nowhere', 'X')
    await pass(100)
    expect(frames).toEqual(['A B', 'A2* B'])
  })

  it('is taken back when the server refuses it', async () => {
    const { harness, frames, update } = await openBoard()
    const done = update('a', 'A2')
    await pass()
    harness.read(0).respond({ error: { message: 'no' } }, { status: 403 })
    await pass()
    await act(() => done)
    expect(frames).toEqual(['A B', 'A2* B', 'A B'])
    expect(harness.edge.reads).toHaveLength(1)
  })

  it('never shows the old value again when another write overtakes it', async () => {
    const { harness, frames, update } = await openBoard()
    void update('a', 'mine')
    await pass()
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(8), ops: [{ op: 'update', key: 'a', set: { title: 'mine' } }] })
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(9), ops: [{ op: 'update', key: 'a', set: { title: 'theirs' } }] })
    harness.connection(0).endBatch(9)
    await pass()
    harness.read(0).respond({ data: { id: 'a', title: 'mine' } }, COMMIT(8))
    await pass(100)
    expect(frames).toEqual(['A B', 'mine* B', 'theirs B'])
  })

  it('that creates a row gives way to the row the server made, whichever arrives first', async () => {
    const { harness, frames, create } = await openBoard()
    void create({ title: 'C' })
    await pass()
    expect(frames.at(-1)).toBe('C* A B')
    harness
      .connection(0)
      .send({ event: 'change', q: harness.id(), at: at(8), ops: [{ op: 'enter', key: 'c-server', row: { id: 'c-server', title: 'C' }, sort: 'c' }] })
    harness.connection(0).endBatch(8)
    await pass()
    harness.read(0).respond({ data: { id: 'c-server', title: 'C' } }, COMMIT(8))
    await pass(100)
    expect(frames).toEqual(['A B', 'C* A B', 'A B C'])
  })

  it('keeps the id of a row it made while newer frames arrive', async () => {
    const { harness, create } = await openBoard()
    void create({ title: 'C' })
    await pass()
    const key =
      harness.queryClient
        .getQueryCache()
        .getAll()
        .find(({ queryKey }) => queryKey[1] === 'Task')?.queryKey ?? []
    const made = (): unknown => harness.queryClient.getQueryData<{ id: string; title: string }[]>(key)?.find(({ title }) => title === 'C')?.id
    const before = made()
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(6), ops: [{ op: 'update', key: 'b', set: { title: 'B2' } }] })
    harness.connection(0).endBatch(6)
    await pass()
    expect(before).toBeDefined()
    expect(made()).toBe(before)
  })

  it('that removes a row keeps it away until the stream has removed it', async () => {
    const { harness, frames, remove } = await openBoard()
    void remove('a')
    await pass()
    expect(frames.at(-1)).toBe('B')
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(6), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] })
    harness.connection(0).endBatch(6)
    await pass()
    harness.read(0).respond({ data: { id: 'a' } }, COMMIT(8))
    await pass()
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(8), ops: [{ op: 'leave', key: 'a' }] })
    harness.connection(0).endBatch(8)
    await pass(100)
    expect(frames).toEqual(['A B', 'B'])
  })

  it('is kept while the connection is cut, until the resumed stream has passed it', async () => {
    const { harness, frames, update } = await openBoard()
    void update('a', 'A2')
    await pass()
    harness.connection(0).cut()
    harness.read(0).respond({ data: { id: 'a', title: 'A2' } }, COMMIT(8))
    await pass(700)
    expect(frames.at(-1)).toBe('A2* B')
    harness.connection(1).send({ event: 'ready', q: harness.id(), at: at(5), engine: 'incremental', shape: 'rows', ticket: 't' })
    harness.connection(1).send({ event: 'change', q: harness.id(), at: at(8), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] })
    harness.connection(1).endBatch(8)
    await pass(100)
    expect(frames).toEqual(['A B', 'A2* B', 'A2 B'])
  })

  it('without a commit position waits until the stream says the same', async () => {
    const { harness, frames, update } = await openBoard()
    void update('a', 'A2')
    await pass()
    harness.read(0).respond({ data: { id: 'a', title: 'A2' } })
    await pass(200)
    expect(frames.at(-1)).toBe('A2* B')
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(8), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] })
    harness.connection(0).endBatch(8)
    await pass()
    expect(frames).toEqual(['A B', 'A2* B', 'A2 B'])
  })
})

describe('a write that is not optimistic', () => {
  it('resolves when the list shows it, and causes no further request', async () => {
    const { harness, frames, update } = await openBoard({ isOptimistic: false })
    let isDone = false
    void update('a', 'A2').then(() => (isDone = true))
    await pass()
    harness.read(0).respond({ data: { id: 'a', title: 'A2' } }, COMMIT(8))
    await pass(100)
    expect(isDone).toBe(false)
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(8), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] })
    harness.connection(0).endBatch(8)
    await pass()
    expect(isDone).toBe(true)
    expect(frames).toEqual(['A B', 'A2 B'])
    expect(harness.edge.requestCount).toBe(2)
  })
})

describe('the cache entry of a live query', () => {
  it('is shared with plain hooks of the same arguments, which ask nothing', async () => {
    const harness = createHarness()
    const seen: unknown[] = []
    function Both(): ReactElement {
      const { data } = useLiveQuery(harness.live.task.findMany())
      return <>{data !== undefined && <Plain />}</>
    }
    function Plain(): ReactElement {
      const { data } = useClientQueries(schema).task.useFindMany()
      seen.push(data?.length)
      return <p>{data?.length}</p>
    }
    harness.show(<Both />)
    await pass()
    harness.connection(0).send(...snapshot(harness.id(), 5, [{ id: 'a', title: 'A' }]))
    harness.connection(0).endBatch(5)
    await pass(100)
    await act(() => harness.queryClient.invalidateQueries())
    window.dispatchEvent(new Event('focus'))
    await pass(100)
    expect(seen.at(-1)).toBe(1)
    expect(harness.edge.reads).toHaveLength(0)
  })

  it('has one writer: what a fetch or a stranger puts there gives way', async () => {
    const harness = createHarness()
    const shown: unknown[] = []
    function Count(): ReactElement {
      const { data, queryKey } = useLiveQuery(harness.live.task.count())
      shown.push(data)
      key = queryKey
      return <p>{data}</p>
    }
    let key: readonly unknown[] = []
    harness.show(<Count />)
    await pass()
    harness.connection(0).send(...value(harness.id(), 5, 3))
    harness.connection(0).endBatch(5)
    await pass()
    await act(async () => {
      harness.queryClient.setQueryData(key, 99)
      await harness.queryClient.fetchQuery({ queryKey: key, queryFn: () => 77, staleTime: 0 })
    })
    await pass()
    expect(new Set(shown)).toEqual(new Set([undefined, 3]))
    expect(harness.queryClient.getQueryData(key)).toBe(3)
  })
})
