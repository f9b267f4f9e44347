import { CLIENT_LIMITS, type LiveState } from '@zenstack-live/client'
import type { QueryId } from '@zenstack-live/protocol'
import { createFakeEdge } from '@zenstack-live/testing/fake-edge'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { at, LIVE_A, NOT_FETCHED, NOTES, openPage, pass, snapshot, storeOn, TASKS, type World } from './support/late-page.ts'

/* What first results do not need is loaded beside them. Here it fails to load, or is not there when something happens that cannot wait. */
const later = await import('../src/later.ts')

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('without the later code', () => {
  it('a change that cannot be shown ends with the stream being given up: nothing old is called live for longer than a silence', async () => {
    const { told, newest, id } = await openPage()
    newest().send({ event: 'change', q: id(), at: at(6), ops: [{ op: 'leave', key: 'a' }] })
    newest().endBatch(6)
    await pass(CLIENT_LIMITS.silenceMs)
    expect(told.at(-1)).toMatchObject({ data: [{ id: 'a' }], liveStatus: 'catching-up' })
    expect(newest().isClosed).toBe(true)
  })

  it('nothing of one person is left when another one comes, who is shown their own', async () => {
    const world = await openPage()
    const { store, told, edge, newest, id, tabs } = world
    const first = newest()
    world.who.person = 'bob'
    expect(store.scope()).toBe('bob')
    expect(told.at(-1)).toMatchObject({ status: 'pending', data: undefined })
    expect(first.isClosed).toBe(true)
    expect(tabs[0]?.posted).toEqual([{ left: 'ada', entered: 'bob' }])
    await pass(10)
    expect(edge.connections).toHaveLength(2)
    expect(JSON.stringify(newest().body)).not.toContain('ticket')
    newest().send(...snapshot(id(), 6, [{ id: 'b' }]))
    newest().endBatch(6)
    await pass()
    expect(told.at(-1)).toMatchObject({ data: [{ id: 'b' }], isLive: true })
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
    const { loads, told, newest, store } = await openPage()
    newest().cut()
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
    expect(told.at(-1)).toMatchObject({ liveStatus: 'stalled', data: [{ id: 'a' }] })
    loads.at(-1)?.resolve(later)
    await pass()
    expect(told.at(-1)).toMatchObject({ liveStatus: 'catching-up', status: 'success', error: null })
    await pass(CLIENT_LIMITS.minBackoffMs)
    newest().send({ event: 'ready', q: newest().ids[0] as QueryId, at: at(5), engine: 'incremental', shape: 'rows', ticket: 't' })
    newest().endBatch(5)
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

  it('nothing is said while what is shown is all there is', async () => {
    const { told, store, failLoads } = await openPage()
    await failLoads()
    expect(told).toMatchObject([LIVE_A])
    expect(store.status()).toBe('live')
  })

  it.each<[string, (world: World) => unknown]>([
    ['a change', ({ newest, id }) => newest().send({ event: 'change', q: id(), at: at(6), ops: [{ op: 'leave', key: 'a' }] })],
    ['a cut', ({ newest }) => newest().cut()],
  ])('%s leads to an error, after which everything goes on when the code comes after all', async (_, happen) => {
    const world = await openPage()
    const { told, store, loads, failLoads } = world
    let statusChanges = 0
    store.onStatus(() => statusChanges++)
    happen(world)
    await pass()
    expect(told.at(-1)).toMatchObject({ liveStatus: 'catching-up', error: null })
    const before = statusChanges
    await failLoads()
    expect(told.at(-1)).toMatchObject({
      status: 'error',
      data: [{ id: 'a' }],
      isLive: false,
      liveStatus: 'stalled',
      error: { code: 'client_incomplete', cause: NOT_FETCHED },
    })
    expect([store.status(), statusChanges]).toEqual(['stalled', before + 1])
    const toldBefore = told.length
    await failLoads()
    expect(told).toHaveLength(toldBefore)
    loads.at(-1)?.resolve(later)
    await pass()
    expect(told.at(-1)).toMatchObject({ status: 'success', error: null })
    expect(store.status()).toBe('catching-up')
  })

  it('another query says so, and what is shown already goes on', async () => {
    const { told, store, failLoads, watch, newest, id } = await openPage()
    const notes: LiveState<unknown>[] = []
    watch(NOTES, notes)
    const first = store.ready(NOTES)
    first.catch(() => {})
    await failLoads()
    expect(notes.at(-1)).toMatchObject({ status: 'error', data: undefined, liveStatus: 'stalled', error: { code: 'client_incomplete' } })
    await expect(first).rejects.toMatchObject({ code: 'client_incomplete' })
    expect(told).toMatchObject([LIVE_A])
    expect(store.status()).toBe('stalled')
    // Whoever asks again has a stream with every query, which needs no more code than the first one did.
    const second = store.ready(NOTES)
    await pass(10)
    expect(newest().body).toMatchObject({ queries: [{ model: 'Task', ticket: 'ticket-5' }, { model: 'Note' }] })
    newest().send({ event: 'ready', q: id(0), at: at(5), engine: 'incremental', shape: 'rows', ticket: 'ticket-5' }, ...snapshot(id(1), 5, []))
    newest().endBatch(5)
    await expect(second).resolves.toEqual([])
    expect([told.at(-1), notes.at(-1), store.status()]).toMatchObject([LIVE_A, { isLive: true }, 'live'])
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
