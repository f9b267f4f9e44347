import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Lsn } from '@zenstack-live/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { IdMover } from '../src/streams/id-mover.ts'

describe('moving the ids of quiet streams', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

  it('happens at once, and then no oftener than four times a second', async () => {
    const { mover, moves, pass } = createMoved({ streams: 3 })
    for (let asked = 0; asked < 10; asked++) {
      mover.soon()
      await pass(100)
    }
    expect(moves()).toBe(3 * 4)
  })

  it('takes a twentieth of the time at the most, however many there are', async () => {
    const { mover, moves, pass } = createMoved({ streams: 1_000, eachTakesMs: 1 })
    mover.soon()
    await pass(0)
    expect(moves()).toBe(1_000)
    mover.soon()
    await pass(19_900)
    expect(moves()).toBe(1_000)
    await pass(200)
    expect(moves()).toBe(2_000)
  })

  it('lets others have their turn in between', async () => {
    const { mover, moves, pass } = createMoved({ streams: 1_000 })
    const seen: number[] = []
    const watching = (async () => {
      while (moves() < 1_000) {
        seen.push(moves())
        await nextTurn()
      }
    })()
    mover.soon()
    await Promise.all([watching, pass(0)])
    expect(new Set(seen).size).toBeGreaterThan(3)
  })

  it('comes again for who asked meanwhile', async () => {
    const { mover, moves, pass } = createMoved({ streams: 600, onMove: (count) => void (count === 300 && mover.soon()) })
    mover.soon()
    await pass(0)
    expect(moves()).toBe(600)
    await pass(1_000)
    expect(moves()).toBe(1_200)
  })

  it('follows writes that the log has not passed: one place waits, however many there are', async () => {
    const { mover, moves, pass, log } = createMoved({ streams: 1 })
    for (let lsn = 1; lsn <= 1_000; lsn++) mover.after(BigInt(lsn) as Lsn)
    expect(log.waiting.size).toBe(1)
    log.pass(500)
    await pass(0)
    expect([moves(), log.waiting.size]).toEqual([1, 1])
    log.pass(1_000)
    await pass(1_000)
    expect([moves(), log.waiting.size]).toEqual([2, 0])
  })

  it('does not wait for a place of a log that began anew', async () => {
    const { mover, moves, pass, log } = createMoved({ streams: 1 })
    mover.after(1_000n as Lsn)
    mover.onReset()
    mover.after(5n as Lsn)
    log.pass(5)
    await pass(1_000)
    expect([moves() > 0, log.waiting.size]).toEqual([true, 0])
  })

  it('ends when it is closed', async () => {
    const { mover, moves, pass } = createMoved({ streams: 600, onMove: (count) => void (count === 300 && mover.close()) })
    mover.soon()
    await pass(1_000)
    mover.soon()
    await pass(1_000)
    expect([moves(), vi.getTimerCount()]).toEqual([512, 0])
  })
})

function createMoved({ streams, eachTakesMs = 0, onMove = () => {} }: { streams: number; eachTakesMs?: number; onMove?: (count: number) => void }) {
  let count = 0
  let clockMs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => clockMs)
  const moveId = (): void => {
    clockMs += eachTakesMs
    onMove(++count)
  }
  const log = createLog()
  const mover = new IdMover(
    Array.from({ length: streams }, () => ({ moveId })),
    log,
  )
  return {
    log,
    mover,
    moves: () => count,
    async pass(ms: number): Promise<void> {
      clockMs += ms
      await vi.advanceTimersByTimeAsync(ms)
      // The rounds themselves take turns of the event loop.
      for (let turn = 0; turn < 10; turn++) await nextTurn()
    },
  }
}

/** A log that passes places when it is told to. */
function createLog() {
  const waiting = new Map<() => void, Lsn>()
  let head = 0n
  return {
    waiting,
    whenPassed(lsn: Lsn, then: () => void): () => void {
      if (head >= lsn) then()
      else waiting.set(then, lsn)
      return () => void waiting.delete(then)
    },
    pass(to: number): void {
      head = BigInt(to)
      for (const [then, lsn] of waiting) if (head >= lsn && waiting.delete(then)) then()
    },
  }
}
