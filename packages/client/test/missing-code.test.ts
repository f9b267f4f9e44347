import { CLIENT_LIMITS, type LiveState } from '@zenstack-live/client'
import { createFakeEdge } from '@zenstack-live/testing/fake-edge'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LIVE_A, NOT_FETCHED, NOTES, openPage, pass, snapshot, storeOn, TASKS } from './support/late-page.ts'

/* The code that reads the first answer is loaded while that is on its way. Here it fails to load, or is not there when something happens that cannot wait. */
const later = await import('../src/later.ts')

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('without the later code', () => {
  it('nothing of one person is left when another one comes, who is shown their own', async () => {
    const world = await openPage()
    const { store, told, edge, newest, id, tabs, loads } = world
    const first = newest()
    world.who.person = 'bob'
    expect(store.scope()).toBe('bob')
    expect(first.isClosed).toBe(true)
    expect(tabs[0]?.posted).toEqual([{ left: 'ada', entered: 'bob' }])
    await pass(10)
    expect(edge.connections).toHaveLength(2)
    expect(JSON.stringify(newest().body)).not.toContain('ticket')
    newest().send(...snapshot(id(), 6, [{ id: 'b' }]))
    newest().endBatch(6)
    loads[0]?.resolve(later)
    await pass()
    expect(told).toMatchObject([{ data: [{ id: 'b' }], isLive: true }])
  })

  it('another person who comes while queries are gathered has one stream, and it is theirs', async () => {
    const edge = createFakeEdge()
    const who = { person: 'ada' }
    const store = storeOn(
      edge,
      () => new Promise(() => {}),
      () => who.person,
    )
    const release = store.watch(TASKS)
    // Nobody renders: the store notices when it opens.
    who.person = 'bob'
    await pass(1000)
    expect(edge.connections.filter(({ isClosed }) => !isClosed)).toHaveLength(1)
    release()
    await pass(CLIENT_LIMITS.lingerMs)
    expect(edge.connections.filter(({ isClosed }) => !isClosed)).toHaveLength(0)
  })

  it('a person who signs out in another tab is shown nothing more, until someone comes back', async () => {
    const { told, edge, newest, tabs, store, loads } = await openPage()
    const data = { left: 'ada', entered: null }
    tabs[0]?.dispatchEvent(new MessageEvent('message', { data }))
    expect(told.at(-1)).toMatchObject({ status: 'pending', data: undefined, liveStatus: 'closed' })
    expect(newest().isClosed).toBe(true)
    await pass(60_000)
    expect(edge.connections).toHaveLength(1)
    // The code changes nothing of it.
    loads[0]?.resolve(later)
    await pass(60_000)
    expect([edge.connections.length, store.status()]).toEqual([1, 'closed'])
    tabs[0]?.dispatchEvent(new MessageEvent('message', { data: { left: null, entered: 'ada' } }))
    await pass(10)
    expect(edge.connections).toHaveLength(2)
  })

  it('the stream is closed when nobody watches any more, and another one is opened for the next who does', async () => {
    const { edge, newest, watch, release } = await openPage()
    const first = newest()
    release()
    await pass(CLIENT_LIMITS.lingerMs)
    expect(first.isClosed).toBe(true)
    watch(NOTES, [])
    await pass(10)
    expect(edge.connections).toHaveLength(2)
  })

  it('a client that was closed stays closed', async () => {
    const { edge, newest, store, watch, loads, tabs, told } = await openPage()
    store.close()
    expect(newest().isClosed).toBe(true)
    watch(NOTES, [])
    await pass(60_000)
    loads[0]?.resolve(later)
    await pass(60_000)
    expect(edge.connections).toHaveLength(1)
    expect([told.at(-1)?.liveStatus, tabs.map(({ isClosed }) => isClosed)]).toEqual(['closed', [true]])
  })

  it('a client that is closed says so, whatever did not load', async () => {
    const { store, told, failLoads } = await openPage()
    await failLoads()
    store.close()
    expect(told.at(-1)).toMatchObject({ status: 'pending', error: null, liveStatus: 'closed' })
    expect([store.status(), vi.getTimerCount()]).toEqual(['closed', 0])
    await expect(store.ready(TASKS)).rejects.toThrow(TypeError)
  })

  it('a client that was closed while nobody watched listens to nothing any more, whoever comes', async () => {
    const { store, watch, tabs, release } = await openPage()
    release()
    await pass(CLIENT_LIMITS.lingerMs)
    store.close()
    const leave = watch(NOTES, [])
    expect(store.read(NOTES).liveStatus).toBe('closed')
    leave()
    await pass(CLIENT_LIMITS.lingerMs)
    expect(tabs.map(({ isClosed }) => isClosed)).toEqual([true])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('it is asked for again for as long as someone watches, with pauses that grow, and everything goes on when it comes', async () => {
    const { loads, told, store } = await openPage()
    let pauseMs: number = CLIENT_LIMITS.minBackoffMs
    for (let round = 1; round <= 10; round++) {
      loads.at(-1)?.reject(NOT_FETCHED)
      // Half of each step: the store's dice always say 0.5.
      await pass(pauseMs / 2 - 1)
      expect(loads).toHaveLength(round)
      await pass(1)
      expect(loads).toHaveLength(round + 1)
      pauseMs = Math.min(pauseMs * 2, CLIENT_LIMITS.maxBackoffMs)
    }
    expect(told.at(-1)).toMatchObject({ liveStatus: 'stalled', data: undefined })
    loads.at(-1)?.resolve(later)
    await pass()
    expect(told.at(-1)).toMatchObject(LIVE_A)
    expect(store.status()).toBe('live')
  })

  it('it is not asked for any sooner because another query comes', async () => {
    const { loads, failLoads, watch } = await openPage()
    await failLoads()
    const asked = loads.length
    loads.at(-1)?.reject(NOT_FETCHED)
    await pass()
    watch(NOTES, [])
    expect(loads).toHaveLength(asked)
    await pass(CLIENT_LIMITS.maxBackoffMs)
    expect(loads).toHaveLength(asked + 1)
  })

  it.each(['before it is closed', 'after that'])('a client that was closed waits for nothing, where the load failed %s', async (when) => {
    const { loads, store } = await openPage()
    const removed = vi.spyOn(window, 'removeEventListener')
    const added = vi.spyOn(window, 'addEventListener')
    const fail = async (): Promise<void> => {
      loads[0]?.reject(NOT_FETCHED)
      await pass()
    }
    if (when === 'before it is closed') await fail()
    store.close()
    if (when === 'after that') await fail()
    expect([vi.getTimerCount(), loads.length]).toEqual([0, 1])
    for (const [type, listener] of added.mock.calls) expect(removed).toHaveBeenCalledWith(type, listener)
  })

  it('it is asked for again where there is a window that nobody can listen to', async () => {
    const { loads, failLoads, store } = await openPage()
    vi.stubGlobal('window', {})
    await failLoads()
    expect(loads.length).toBeGreaterThan(1)
    store.close()
  })

  it('it is asked for at once when the network is back, and when someone asks to try again', async () => {
    const { loads, failLoads, store } = await openPage()
    await failLoads()
    await failLoads()
    const asked = loads.length
    loads.at(-1)?.reject(NOT_FETCHED)
    await pass()
    window.dispatchEvent(new Event('online'))
    expect(loads).toHaveLength(asked + 1)
    loads.at(-1)?.reject(NOT_FETCHED)
    await pass()
    store.reconnect()
    expect(loads).toHaveLength(asked + 2)
  })

  it('every query says so after some tries, whatever was answered, until it comes', async () => {
    const { told, store, loads, failLoads, watch } = await openPage()
    const notes: LiveState<unknown>[] = []
    watch(NOTES, notes)
    let statusChanges = 0
    store.onStatus(() => statusChanges++)
    await failLoads()
    const stalled = {
      status: 'error',
      data: undefined,
      isLive: false,
      liveStatus: 'stalled',
      error: { code: 'client_incomplete', cause: NOT_FETCHED },
    }
    expect([told, notes]).toMatchObject([[stalled], [stalled]])
    expect([store.status(), statusChanges]).toEqual(['stalled', 1])
    await failLoads()
    expect([told.length, notes.length]).toEqual([1, 1])
    loads.at(-1)?.resolve(later)
    await pass()
    expect(told.at(-1)).toMatchObject(LIVE_A)
    expect(notes.at(-1)).toMatchObject({ status: 'pending', error: null, liveStatus: 'connecting' })
  })

  it('who waits for a first result is told so; whoever asks again is told of no failure before', async () => {
    const { store, failLoads, loads, newest, id } = await openPage()
    const first = store.ready(TASKS)
    first.catch(() => {})
    await failLoads()
    await expect(first).rejects.toMatchObject({ code: 'client_incomplete' })
    const second = store.ready(TASKS)
    expect(store.read(TASKS)).toMatchObject({ status: 'pending', liveStatus: 'connecting', error: null })
    await pass(10)
    newest().send(...snapshot(id(), 6, []))
    newest().endBatch(6)
    loads.at(-1)?.resolve(later)
    await expect(second).resolves.toEqual([])
  })

  it('a refusal says so, too', async () => {
    const edge = createFakeEdge()
    const store = storeOn(edge, async () => {
      throw NOT_FETCHED
    })
    store.watch(TASKS)
    await pass(10)
    edge.connections[0]?.refuse(403, { error: { code: 'forbidden' } })
    await pass(CLIENT_LIMITS.maxBackoffMs)
    expect(store.read(TASKS)).toMatchObject({ status: 'error', liveStatus: 'stalled', error: { code: 'client_incomplete' } })
  })

  it('it is not asked for again when nobody watches', async () => {
    const { loads, store } = await openPage()
    store.close()
    loads[0]?.reject(NOT_FETCHED)
    await pass(60_000)
    window.dispatchEvent(new Event('online'))
    expect(loads).toHaveLength(1)
  })
})
