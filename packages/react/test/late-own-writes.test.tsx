import { act } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { COMMIT, openBoard, showBoard } from './support/board.tsx'
import { at, pass } from './support/harness.tsx'

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('the code of own writes', () => {
  /** Its arrival is in the test's hands. */
  function holdBack(): () => Promise<void> {
    const arrival = Promise.withResolvers<void>()
    vi.doMock('../src/own-writes.ts', async (importOriginal) => {
      await arrival.promise
      return importOriginal()
    })
    return async () => {
      arrival.resolve()
      vi.doUnmock('../src/own-writes.ts')
      await vi.dynamicImportSettled()
      await pass()
    }
  }

  it('is told what was written before it arrived, and shows that at once', async () => {
    const arrive = holdBack()
    const { harness, frames, update } = await openBoard({ isCodeThere: false })
    void update('a', 'A2')
    await pass()
    void update('b', 'B2')
    await pass()
    harness.read(0).respond({ data: {} }, COMMIT(8))
    await pass()
    expect(frames).toEqual(['A B'])
    await arrive()
    expect(frames).toEqual(['A B', 'A2* B2*'])
    // Someone else was faster: what was answered before the code was there gives way with the commit all the same.
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(9), ops: [{ op: 'update', key: 'a', set: { title: 'theirs' } }] })
    harness.connection(0).endBatch(9)
    await pass(100)
    expect(frames.slice(2)).toEqual(['theirs B2*'])
  })

  it('is not told of a write that was refused meanwhile', async () => {
    const arrive = holdBack()
    const { harness, frames, update } = await openBoard({ isCodeThere: false })
    const refused = update('a', 'A2')
    await pass()
    harness.read(0).respond({ error: { message: 'no' } }, { status: 403 })
    await act(() => refused)
    await arrive()
    expect(frames).toEqual(['A B'])
  })

  it('is not told what the person before wrote', async () => {
    const arrive = holdBack()
    let person = 'ann'
    const { harness, frames, update } = await openBoard({ isCodeThere: false, identity: () => person })
    void update('b', 'B2')
    await pass()
    person = 'bob'
    expect(harness.live.$status).toBe('connecting')
    await pass(100)
    showBoard(harness, 1)
    await pass()
    await arrive()
    expect(frames.filter((text) => text.includes('2'))).toEqual([])
    expect(frames.at(-1)).toBe('A B')
  })

  it('is not waited for: without it an optimistic write is shown when it comes back, and the next mutation asks for it again', async () => {
    vi.doMock('../src/own-writes.ts', () => {
      throw new TypeError('no network')
    })
    const { harness, frames, update } = await openBoard()
    const done = update('a', 'A2')
    await pass()
    expect(frames).toEqual(['A B'])
    vi.doUnmock('../src/own-writes.ts')
    await import('../src/own-writes.ts')
    harness.read(0).respond({ data: { id: 'a', title: 'A2' } }, COMMIT(6))
    harness.connection(0).send({ event: 'change', q: harness.id(), at: at(6), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] })
    harness.connection(0).endBatch(6)
    await act(() => done)
    await pass()
    expect(frames).toEqual(['A B', 'A2 B'])
    void update('b', 'B2')
    await pass()
    await vi.dynamicImportSettled()
    void update('b', 'B3')
    await pass()
    expect(frames.at(-1)).toBe('A2 B3*')
  })
})
