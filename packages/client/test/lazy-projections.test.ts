import { CLIENT_LIMITS } from '@zenstack-live/client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LazyProjections } from '../src/lazy-projections.ts'
import { IDLE_STATE, liveStateOf } from '../src/live-state.ts'
import type { ProjectionStore } from '../src/projection-store.ts'

const CART = { projection: 'cart', id: 'a/b' }
const LIVE = liveStateOf({ data: 'a cart' }, 'live', 0, undefined)

/** A store that only says who watches what. */
class FakeStore {
  readonly watched: string[] = []
  isClosed = false
  watch = ({ id }: { id: string }, listener: () => void): (() => void) => {
    this.watched.push(id)
    listener()
    return () => void this.watched.splice(this.watched.indexOf(id), 1)
  }
  read = (): typeof LIVE => LIVE
  close = (): void => {
    this.isClosed = true
  }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function lazily(load: () => Promise<unknown>): LazyProjections {
  // The parts of a store that are asked of it here.
  return new LazyProjections({ limits: CLIENT_LIMITS, random: () => 1 }, load as () => Promise<ProjectionStore>)
}

describe('projections whose code is not loaded yet', () => {
  it('are asked for with the first watcher, and count as connecting meanwhile', async () => {
    const store = new FakeStore()
    const load = vi.fn(async () => store)
    const projections = lazily(load)
    expect(projections.read(CART)).toBe(IDLE_STATE)
    expect(load).not.toHaveBeenCalled()
    const tell = vi.fn()
    const stop = projections.watch(CART, tell)
    projections.watch(CART, () => {})
    expect(projections.read({ ...CART }).liveStatus).toBe('connecting')
    expect(projections.read({ projection: 'cart', id: 'other' })).toBe(IDLE_STATE)
    await vi.advanceTimersByTimeAsync(0)
    expect(load).toHaveBeenCalledTimes(1)
    expect(projections.read(CART)).toBe(LIVE)
    expect(tell).toHaveBeenCalledTimes(1)
    expect(store.watched).toHaveLength(2)
    stop()
    expect(store.watched).toHaveLength(1)
  })

  it('are loaded once for someone who leaves and comes back, as in Strict Mode', async () => {
    const store = new FakeStore()
    const load = vi.fn(async () => store)
    const projections = lazily(load)
    projections.watch(CART, () => {})()
    projections.watch(CART, () => {})
    await vi.advanceTimersByTimeAsync(0)
    expect([load.mock.calls.length, store.watched]).toEqual([1, ['a/b']])
  })

  it('are tried again when they do not arrive, for as long as someone waits', async () => {
    const store = new FakeStore()
    const load = vi.fn<() => Promise<FakeStore>>().mockRejectedValueOnce(new TypeError('no network')).mockResolvedValue(store)
    const projections = lazily(load)
    projections.watch(CART, () => {})
    await vi.advanceTimersByTimeAsync(CLIENT_LIMITS.minBackoffMs - 1)
    expect([load.mock.calls.length, projections.read(CART).liveStatus]).toEqual([1, 'connecting'])
    await vi.advanceTimersByTimeAsync(1)
    expect([load.mock.calls.length, projections.read(CART)]).toEqual([2, LIVE])
  })

  it('say so when they do not arrive after several tries, until they do or someone asks to try again', async () => {
    const store = new FakeStore()
    const cause = new TypeError('no network')
    const load = vi.fn<() => Promise<FakeStore>>().mockRejectedValue(cause)
    const projections = lazily(load)
    const tell = vi.fn()
    projections.watch(CART, tell)
    await vi.advanceTimersByTimeAsync(CLIENT_LIMITS.maxBackoffMs)
    expect(projections.read(CART)).toMatchObject({ status: 'error', liveStatus: 'stalled', error: { code: 'client_incomplete', cause } })
    expect(tell).toHaveBeenCalledTimes(1)
    expect(projections.read({ ...CART, id: 'other' })).toBe(IDLE_STATE)
    projections.reconnect()
    expect(projections.read(CART)).toMatchObject({ status: 'pending', liveStatus: 'connecting' })
    await vi.advanceTimersByTimeAsync(CLIENT_LIMITS.maxBackoffMs)
    expect(projections.read(CART).liveStatus).toBe('stalled')
    load.mockResolvedValue(store)
    await vi.advanceTimersByTimeAsync(CLIENT_LIMITS.maxBackoffMs)
    expect(projections.read(CART)).toBe(LIVE)
  })

  it('are not tried again when nobody waits, or the client is closed', async () => {
    const load = vi.fn(() => Promise.reject(new TypeError('no network')))
    const projections = lazily(load)
    const stop = projections.watch(CART, () => {})
    await vi.advanceTimersByTimeAsync(0)
    stop()
    await vi.advanceTimersByTimeAsync(5000)
    expect(load).toHaveBeenCalledTimes(1)
    projections.watch(CART, () => {})
    projections.close()
    await vi.advanceTimersByTimeAsync(5000)
    expect(load).toHaveBeenCalledTimes(2)
    projections.watch(CART, () => {})
    projections.reconnect()
    expect([load.mock.calls.length, projections.read(CART).liveStatus]).toEqual([2, 'closed'])
  })

  it('say that they are closed with the client, also to those who come later, and are watched by nobody when the code comes after all', async () => {
    const store = new FakeStore()
    const load = Promise.withResolvers<FakeStore>()
    const projections = lazily(() => load.promise)
    const tell = vi.fn(() => projections.read(CART).liveStatus)
    projections.watch(CART, tell)
    projections.close()
    expect(tell.mock.results.map(({ value }): unknown => value)).toEqual(['closed'])
    projections.watch({ ...CART, id: 'late' }, () => {})
    expect(projections.read({ ...CART, id: 'late' }).liveStatus).toBe('closed')
    load.resolve(store)
    await vi.advanceTimersByTimeAsync(0)
    expect([store.watched, projections.read(CART).liveStatus]).toEqual([[], 'closed'])
  })

  it('are not watched for those who left before they came', async () => {
    const store = new FakeStore()
    const projections = lazily(async () => store)
    const stop = projections.watch(CART, () => {})
    projections.watch({ ...CART, id: 'stays' }, () => {})
    stop()
    await vi.advanceTimersByTimeAsync(0)
    expect(store.watched).toEqual(['stays'])
  })
})
