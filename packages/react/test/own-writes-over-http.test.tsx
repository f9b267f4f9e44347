import { internals } from '@zenstack-live/client/internal'
import { useLiveQuery } from '@zenstack-live/react'
import type { Frame } from '@zenstack-live/protocol'
import { fakePosition } from '@zenstack-live/testing/fake-edge'
import { schema } from '@zenstack-live/testing/workspace'
import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import type { ReactElement } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { COMMIT, openBoard, type Board } from './support/board.tsx'
import { at, createHarness, pass, snapshot } from './support/harness.tsx'

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a write whose commit the stream is late to bring', () => {
  it('is read again when an answer takes too long', async () => {
    const { harness, frames, update } = await openBoard()
    void update('a', 'A2')
    await pass()
    harness.read(0).respond({ data: { id: 'a', title: 'A2' } }, COMMIT(8))
    await pass(4_100)
    expect(harness.edge.reads).toHaveLength(2)
    // The connection is kept alive meanwhile; a read has 30 seconds.
    for (let seconds = 0; seconds < 30; seconds += 10) {
      await pass(10_000)
      harness.connection(0).endBatch(7)
    }
    await pass(4_100)
    harness.read(2).respond({
      data: [
        { id: 'a', title: 'A2' },
        { id: 'b', title: 'B' },
      ],
    })
    await pass(100)
    expect(frames).toEqual(['A B', 'A2* B', 'A2 B'])
  })

  it('is read once over HTTP, and stays on the screen while that fails', async () => {
    const { harness, frames, update } = await openBoard()
    void update('a', 'A2')
    await pass()
    harness.read(0).respond({ data: { id: 'a', title: 'A2' } }, COMMIT(8))
    await pass(4_100)
    harness.read(1).respond({ error: { code: 'internal' } }, { status: 500 })
    await pass(4_100)
    expect(frames).toEqual(['A B', 'A2* B'])
    harness.read(2).respond({
      data: [
        { id: 'a', title: 'A2' },
        { id: 'b', title: 'B' },
      ],
    })
    await pass(100)
    expect(frames).toEqual(['A B', 'A2* B', 'A2 B'])
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(8), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] })
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(9), ops: [{ op: 'update', key: 'b', set: { title: 'B2' } }] })
    harness.connection(0).endBatch(9)
    await pass()
    expect(frames).toEqual(['A B', 'A2* B', 'A2 B', 'A2 B2'])
    expect(harness.edge.reads).toHaveLength(3)
  })

  it('gives way to the stream also where that brings nothing, because it was undone meanwhile', async () => {
    const { harness, frames, update } = await openBoard()
    void update('a', 'A2')
    await pass()
    harness.read(0).respond({ data: { id: 'a', title: 'A2' } }, COMMIT(8))
    await pass(4_100)
    harness.read(1).respond({
      data: [
        { id: 'a', title: 'A2' },
        { id: 'b', title: 'B' },
      ],
    })
    await pass(100)
    expect(frames).toEqual(['A B', 'A2* B', 'A2 B'])
    // It may be late for long.
    for (let seconds = 0; seconds < 120; seconds += 10) {
      await pass(10_000)
      harness.connection(0).endBatch(7)
    }
    expect(frames.at(-1)).toBe('A2 B')
    // Someone wrote the old title again: the query's answer is what it was.
    harness.connection(0).endBatch(9)
    await pass()
    expect(frames).toEqual(['A B', 'A2* B', 'A2 B', 'A B'])
    expect(harness.edge.reads).toHaveLength(2)
  })
})

describe('a write of which nobody says where it ends', () => {
  const READ = {
    data: [
      { id: 'a', title: 'A2' },
      { id: 'b', title: 'B' },
    ],
    position: fakePosition(7),
    ticket: 't',
    resume: { at: at(7), shape: 'rows', keys: ['a', 'b'] },
  }
  /** With a write that the stream did not bring, so that the list was read over HTTP. */
  async function openReadBoard(): Promise<Board> {
    const board = await openBoard()
    void board.update('a', 'A2')
    await pass()
    board.harness.read(0).respond({ data: { id: 'a', title: 'A2' } })
    await pass(4_100)
    board.harness.read(1).respond(READ)
    await pass(100)
    return board
  }

  it('is read over HTTP when the stream does not bring it, and gives way to a stream that has passed what was read', async () => {
    const { harness, frames } = await openReadBoard()
    expect(frames).toEqual(['A B', 'A2* B', 'A2 B'])
    harness.connection(0).endBatch(7)
    await pass(10_000)
    expect(frames.at(-1)).toBe('A2 B')
    // Undone by somebody else: the query's answer is what it was.
    harness.connection(0).endBatch(9)
    await pass()
    expect(frames.at(-1)).toBe('A B')
  })

  it('is not waited for by a client that was closed', async () => {
    const { harness, frames } = await openReadBoard()
    expect(frames.at(-1)).toBe('A2 B')
    const waits = vi.spyOn(harness.live[internals].store, 'whenPassed')
    await pass(10_000)
    expect(waits).toHaveBeenCalled()
    harness.live.$close()
    await pass(10_000)
    waits.mockClear()
    await pass(10_000)
    expect(waits).not.toHaveBeenCalled()
  })
})

describe('an answer that was read for the person before', () => {
  it('is not shown to the next one, also where both were shown the same', async () => {
    let person = 'ann'
    const harness = createHarness({ identity: () => person })
    let update: () => void = () => {}
    function Task(): ReactElement {
      const { data } = useLiveQuery(harness.live.task.findFirst({ where: { spaceId: 's' } }))
      const { mutate } = useClientQueries(schema).task.useUpdate({ optimisticUpdate: true })
      update = () => mutate({ where: { id: 'a' }, data: { title: 'A2' } })
      return <p>{data === null ? 'nothing' : data?.title}</p>
    }
    const view = harness.show(<Task />)
    const answer = (stream: number, lsn: number, rows: { id: string; title: string }[]): Promise<void> => {
      const frames = snapshot(harness.id(), lsn, rows)
      harness.connection(stream).send(...frames.map((frame) => ('shape' in frame ? { ...frame, shape: 'row' } : frame) as Frame))
      harness.connection(stream).endBatch(lsn)
      return pass()
    }
    await pass()
    await answer(0, 5, [{ id: 'a', title: 'A' }])
    update()
    await pass()
    harness.read(0).respond({ data: {} }, COMMIT(8))
    await answer(0, 6, [])
    expect(view.container.textContent).toBe('nothing')
    await pass(4_100)
    expect(harness.edge.reads).toHaveLength(2)
    person = 'bob'
    expect(harness.live.$status).toBe('connecting')
    await pass()
    await answer(1, 7, [])
    expect(view.container.textContent).toBe('nothing')
    harness.read(1).respond({ data: { id: 'a', title: 'secret of ann' } })
    await pass(100)
    expect(view.container.textContent).toBe('nothing')
  })
})
