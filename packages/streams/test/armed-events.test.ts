import { describe, expect, it } from 'vitest'
import { STREAM_LIMITS } from '../src/limits.ts'
import { ArmedEvents, countAhead } from '../src/reader/armed-events.ts'
import type { Saver } from '../src/reader/saver.ts'

interface Scene {
  events: ArmedEvents<number>
  running: number[]
  givenBack: number[]
  saves: (() => void)[]
  state: { isFresh: boolean; isStopping: boolean }
  finish(event: number): Promise<void>
}

function scene(concurrency: number): Scene {
  const state = { isFresh: true, isStopping: false }
  const [running, givenBack, saves]: [number[], number[], (() => void)[]] = [[], [], []]
  const ends = new Map<number, () => void>()
  const saver: Pick<Saver, 'isFresh' | 'afterSave'> = {
    get isFresh() {
      return state.isFresh
    },
    afterSave: (then) => void saves.push(then),
  }
  const events = new ArmedEvents<number>({
    concurrency,
    saver,
    isStopping: () => state.isStopping,
    deliver: (event) => {
      running.push(event)
      return new Promise((resolve) => ends.set(event, resolve))
    },
    giveBack: (event) => givenBack.push(event),
  })
  const finish = async (event: number): Promise<void> => {
    ends.get(event)?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { events, running, givenBack, saves, state, finish }
}

describe('counted events', () => {
  it('get a handler in their order, as many at once as may run', async () => {
    const { events, running, finish } = scene(2)
    for (const event of [1, 2, 3, 4]) events.add(event)
    expect(running).toEqual([1, 2])
    await finish(2)
    expect(running).toEqual([1, 2, 3])
    await finish(1)
    expect(running).toEqual([1, 2, 3, 4])
  })

  it('wait for another save when the lease may have run out since theirs', async () => {
    const { events, running, saves, state, finish } = scene(1)
    for (const event of [1, 2]) events.add(event)
    state.isFresh = false
    await finish(1)
    expect([running, saves.length]).toEqual([[1], 1])
    state.isFresh = true
    saves[0]?.()
    expect(running).toEqual([1, 2])
  })

  it('are given back when the reader ends before their turn', async () => {
    const { events, running, givenBack, state, finish } = scene(1)
    for (const event of [1, 2, 3]) events.add(event)
    state.isStopping = true
    events.start()
    events.add(4)
    await finish(1)
    expect([running, givenBack]).toEqual([[1], [2, 3, 4]])
  })
})

describe('counting ahead', () => {
  const retries = { maxDeliveries: 5, backoff: () => 0, onFailure: undefined, maxDeadLetters: 1 }

  it('follows how many finish during a save, up to its limit', () => {
    const config = { retries, limits: STREAM_LIMITS }
    expect([0, 1, 20, 1e6].map((finished) => countAhead(config, finished))).toEqual([0, 2, 40, STREAM_LIMITS.countedAhead])
  })

  it('is left where an event may be delivered only once, or nothing is counted', () => {
    expect(countAhead({ retries: { ...retries, maxDeliveries: 1 }, limits: STREAM_LIMITS }, 50)).toBe(0)
    expect(countAhead({ retries: undefined, limits: STREAM_LIMITS }, 50)).toBe(0)
  })
})
