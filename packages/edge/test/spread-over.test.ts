import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { drainSpanMs, spreadOver } from '../src/streams/spread-over.ts'

it('streams are let go 20 ms apart, and many closer together, for all to have ended within drainDeadlineMs', () => {
  expect(drainSpanMs(3, { drainDeadlineMs: 10_000 })).toBe(60)
  expect(drainSpanMs(400, { drainDeadlineMs: 10_000 })).toBe(8_000)
  expect(drainSpanMs(20_000, { drainDeadlineMs: 10_000 })).toBe(8_000)
  expect(drainSpanMs(20_000, { drainDeadlineMs: 100 })).toBe(80)
})

describe('spreading calls over a time', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('ends within it, also where there are more than milliseconds', async () => {
    const called: number[] = []
    const items = Array.from({ length: 20_000 }, (_, index) => index)
    const done = spreadOver(
      items,
      8_000,
      (item) => called.push(item),
      () => true,
    )
    await vi.advanceTimersByTimeAsync(4_000)
    expect(Math.abs(called.length - 10_000)).toBeLessThan(10)
    await vi.advanceTimersByTimeAsync(4_000)
    await done
    expect(called).toEqual(items)
  })

  it('calls for few at their own moments, and for none that does not want it any more', async () => {
    const called: string[] = []
    const gone = new Set(['c', 'd'])
    const done = spreadOver(
      ['a', 'b', 'c', 'd'],
      80,
      (item) => called.push(item),
      (item) => !gone.has(item),
    )
    expect(called).toEqual(['a'])
    await vi.advanceTimersByTimeAsync(19)
    expect(called).toEqual(['a'])
    await vi.advanceTimersByTimeAsync(1)
    await done
    expect(called).toEqual(['a', 'b'])
  })
})
