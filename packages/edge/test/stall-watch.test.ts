import { describe, expect, it } from 'vitest'
import { StallWatch } from '../src/streams/stall-watch.ts'

describe('the watch over a reader', () => {
  it('gives a stalled one so long, and no longer', () => {
    const watch = new StallWatch()
    expect(watch.isOverdue(99_999, 0, 10)).toBe(false)
    watch.begin(1_000, 5)
    expect([watch.isStalled, watch.isOverdue(1_009, 5, 10), watch.isOverdue(1_010, 5, 10)]).toEqual([true, false, true])
    watch.end()
    expect([watch.isStalled, watch.isOverdue(2_000, 5, 10)]).toEqual([false, false])
  })

  it('leaves a slow one alone as long as it takes something', () => {
    const watch = new StallWatch()
    watch.begin(0, 1_000)
    for (let second = 1; second < 100; second++) expect(watch.isOverdue(second * 9, 1_000 - second, 10)).toBe(false)
    expect(watch.isOverdue(99 * 9 + 10, 901, 10)).toBe(true)
  })
})
