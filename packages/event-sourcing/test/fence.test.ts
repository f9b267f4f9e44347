import { describe, expect, it } from 'vitest'
import { advanceFence, isUnfenced, skipContiguous, startFence } from '../src/fence.ts'
import type { OpenWriter } from '../src/store.ts'

const writer = (id: string): OpenWriter => ({ id, isPrepared: false })
const prepared = (id: string): OpenWriter => ({ id, isPrepared: true })

describe('the fence', () => {
  it('settles a head at once when nobody is writing', () => {
    expect(advanceFence(startFence(0), 7, [])).toEqual({ settled: 7, pending: [] })
  })

  it('waits for those who were writing when the head was seen, not for those who came later', () => {
    const waiting = advanceFence(startFence(0), 7, [writer('a'), writer('b')])
    expect(waiting.settled).toBe(0)
    const half = advanceFence(waiting, 7, [writer('b'), writer('late')])
    expect(half.settled).toBe(0)
    expect(advanceFence(half, 7, [writer('late')]).settled).toBe(7)
  })

  it('keeps several fences, and a later one that is done settles the earlier ones', () => {
    const first = advanceFence(startFence(0), 5, [writer('slow')])
    const second = advanceFence(first, 9, [writer('slow'), writer('other')])
    expect(second.pending.map(({ upTo }) => upTo)).toEqual([5, 9])
    expect(advanceFence(second, 9, [writer('other')])).toMatchObject({ settled: 5, pending: [{ upTo: 9 }] })
    expect(advanceFence(second, 9, []).settled).toBe(9)
  })

  it('goes on waiting for a writer that was prepared, under its new name', () => {
    const waiting = advanceFence(startFence(0), 7, [writer('3/45')])
    const renamed = advanceFence(waiting, 7, [prepared('-1/789')])
    expect(renamed.settled).toBe(0)
    expect(advanceFence(renamed, 7, [prepared('-1/789'), prepared('-1/800')]).settled).toBe(0)
    expect(advanceFence(renamed, 7, [prepared('-1/800')]).settled).toBe(7)
  })

  it('is not held up by a prepared transaction that was there before, when its own writer ends', () => {
    const waiting = advanceFence(startFence(0), 7, [writer('a'), prepared('-1/1')])
    expect(advanceFence(waiting, 7, [prepared('-1/1')]).settled).toBe(0)
    expect(advanceFence(waiting, 7, []).settled).toBe(7)
  })

  it('needs a new fence only for a head beyond the last one', () => {
    const waiting = advanceFence(startFence(3), 7, [writer('a')])
    expect([isUnfenced(waiting, 7), isUnfenced(waiting, 8), isUnfenced(startFence(3), 3)]).toEqual([false, true, false])
  })

  it('drops fences that contiguous rows have passed', () => {
    const waiting = advanceFence(startFence(0), 7, [writer('a')])
    expect(skipContiguous(waiting, 6)).toMatchObject({ settled: 6, pending: [{ upTo: 7 }] })
    expect(skipContiguous(waiting, 7)).toEqual({ settled: 7, pending: [] })
    expect(skipContiguous(startFence(5), 4).settled).toBe(5)
  })
})
