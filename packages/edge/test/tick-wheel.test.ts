import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TickWheel } from '../src/streams/tick-wheel.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a wheel', () => {
  it('looks at each once in a turn, a part of them at a time', () => {
    const [seen, perStep] = [new Map<number, number>(), [] as number[]]
    let atOnce = 0
    const wheel = new TickWheel(1_600, () => void (perStep.push(atOnce), (atOnce = 0)))
    const items = Array.from({ length: 100 }, (_, index) => ({ onTick: () => void (atOnce++, seen.set(index, (seen.get(index) ?? 0) + 1)) }))
    for (const item of items) wheel.add(item)
    vi.advanceTimersByTime(1_600)
    expect([seen.size, Math.max(...seen.values()), Math.max(...perStep)]).toEqual([100, 1, 7])
    for (const item of items.slice(1)) wheel.delete(item)
    vi.advanceTimersByTime(1_600)
    expect([seen.get(0), seen.get(1), seen.get(99)]).toEqual([2, 1, 1])
    wheel.close()
    vi.advanceTimersByTime(1_600)
    expect(seen.get(0)).toBe(2)
  })

  it('bears that one goes while it is looked at', () => {
    const wheel = new TickWheel(160)
    const gone = { onTick: vi.fn(() => wheel.delete(gone)) }
    wheel.add(gone)
    vi.advanceTimersByTime(1_000)
    expect(gone.onTick).toHaveBeenCalledOnce()
    wheel.close()
  })
})
