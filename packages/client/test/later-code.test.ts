import { CLIENT_LIMITS, type LiveState } from '@zenstack-live/client'
import type { QueryId } from '@zenstack-live/protocol'
import { createFakeEdge } from '@zenstack-live/testing/fake-edge'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LaterCode } from '../src/load-later.ts'
import { at, LIVE_A, NOTES, openPage, pass, snapshot, storeOn, TASKS } from './support/late-page.ts'

/*
 * The first request leaves while the code loads that reads its answer. Here that code is late: what is shown is true all the same, and when it is
 * there, everything goes on from where it stands. The property test of the client does the same in any order.
 */
const later = await import('../src/later.ts')

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('the first request', () => {
  it('leaves before the code is there that reads its answer, which is asked for with it; what it brought is told once', async () => {
    const { loads, told, edge, store } = await openPage()
    expect([loads.length, edge.connections.length, told.length]).toEqual([1, 1, 0])
    expect([store.read(TASKS), store.status()]).toMatchObject([{ status: 'pending', liveStatus: 'connecting' }, 'connecting'])
    loads[0]?.resolve(later)
    await pass(CLIENT_LIMITS.silenceMs - 1)
    expect(told).toMatchObject([LIVE_A])
    expect([edge.connections.length, store.status()]).toEqual([1, 'live'])
  })

  it('goes on from what was read on a server, which is shown meanwhile', async () => {
    const edge = createFakeEdge()
    const load = Promise.withResolvers<LaterCode>()
    const store = storeOn(edge, () => load.promise)
    const position = '1~log~1~5-0~5~mac.scope'
    store.adopt(TASKS, [{ id: 'a' }], { at: at(5), shape: 'rows', keys: ['a'], sorts: ['a'], ticket: 'ticket-5', lastEventId: position })
    store.watch(TASKS)
    await pass(10)
    const [connection] = edge.connections
    expect(connection?.body).toMatchObject({ lastEventId: position, queries: [{ model: 'Task', ticket: 'ticket-5' }] })
    connection?.send({ event: 'ready', q: connection.ids[0] as QueryId, at: at(5), engine: 'incremental', shape: 'rows', ticket: 'ticket-5' })
    connection?.endBatch(5)
    await pass()
    const { data } = store.read(TASKS)
    expect(store.read(TASKS)).toMatchObject({ data: [{ id: 'a' }], isLive: false, liveStatus: 'catching-up' })
    load.resolve(later)
    await pass()
    expect(store.read(TASKS)).toMatchObject({ isLive: true })
    expect(store.read(TASKS).data).toBe(data)
  })

  it('is for every query that is watched then', async () => {
    const { loads, store, newest, id } = await openPage([TASKS, NOTES])
    newest().send(...snapshot(id(1), 5, [{ id: 'n' }]))
    loads[0]?.resolve(later)
    await pass()
    expect([store.read(TASKS), store.read(NOTES)]).toMatchObject([LIVE_A, { data: [{ id: 'n' }], isLive: true }])
  })

  it('is given up as any that brings nothing, from when it could be read', async () => {
    const edge = createFakeEdge()
    const load = Promise.withResolvers<LaterCode>()
    const store = storeOn(edge, () => load.promise)
    store.watch(TASKS)
    await pass(CLIENT_LIMITS.openTimeoutMs * 2)
    expect(edge.connections.map(({ isClosed }) => isClosed)).toEqual([false])
    load.resolve(later)
    await pass(CLIENT_LIMITS.openTimeoutMs + CLIENT_LIMITS.minBackoffMs)
    expect(edge.connections.map(({ isClosed }) => isClosed)).toEqual([true, false])
  })
})

describe('what comes before the code that reads it', () => {
  it('if it is a change, is shown when the code is there, in order and whole', async () => {
    const { loads, told, newest, id } = await openPage()
    newest().send({ event: 'change', q: id(), at: at(6), ops: [{ op: 'enter', key: 'b', row: { id: 'b' }, sort: 'b' }] })
    newest().endBatch(6)
    newest().send({ event: 'change', q: id(), at: at(7), ops: [{ op: 'leave', key: 'a' }] })
    newest().endBatch(7)
    await pass(1000)
    expect(told).toEqual([])
    loads[0]?.resolve(later)
    await pass()
    expect(told.map(({ data }) => data)).toEqual([[{ id: 'a' }], [{ id: 'a' }, { id: 'b' }], [{ id: 'b' }]])
    expect(told.at(-1)).toMatchObject({ isLive: true })
  })

  it('if it is another query, opens when the code is there, beside what is shown', async () => {
    const { loads, told, edge, watch, newest, id } = await openPage()
    const notes: LiveState<unknown>[] = []
    watch(NOTES, notes)
    await pass(1000)
    expect(edge.connections).toHaveLength(1)
    loads[0]?.resolve(later)
    await pass(CLIENT_LIMITS.changeDelayMs)
    expect(edge.connections).toHaveLength(2)
    expect(newest().body).toMatchObject({ queries: [{ model: 'Task', ticket: 'ticket-5' }, { model: 'Note' }] })
    newest().send({ event: 'ready', q: id(0), at: at(5), engine: 'incremental', shape: 'rows', ticket: 'ticket-5' }, ...snapshot(id(1), 5, []))
    newest().endBatch(5)
    await pass()
    expect(notes.at(-1)).toMatchObject({ data: [], isLive: true })
    expect(told).toMatchObject([LIVE_A])
  })

  it('if it is a cut, leads to another request when the code is there; until then nothing is called live', async () => {
    const { loads, told, edge, newest, id } = await openPage()
    newest().cut()
    await pass(60_000)
    expect([edge.connections.length, told.length]).toEqual([1, 0])
    loads[0]?.resolve(later)
    await pass(CLIENT_LIMITS.minBackoffMs)
    expect([edge.connections.length, told.length]).toEqual([2, 0])
    newest().send(...snapshot(id(), 6, [{ id: 'a' }]))
    newest().endBatch(6)
    await pass()
    expect(told).toMatchObject([LIVE_A])
  })

  it('if it is a refusal, is told when the code is there', async () => {
    const edge = createFakeEdge()
    const load = Promise.withResolvers<LaterCode>()
    const store = storeOn(edge, () => load.promise)
    store.watch(TASKS)
    await pass(10)
    edge.connections[0]?.refuse(403, { error: { code: 'forbidden' } })
    await pass()
    expect(store.read(TASKS)).toMatchObject({ status: 'pending', liveStatus: 'connecting' })
    load.resolve(later)
    await pass()
    expect(store.read(TASKS)).toMatchObject({ status: 'error', liveStatus: 'denied', error: { code: 'forbidden' } })
  })

  it('if the network goes away with it, leads to offline and back', async () => {
    const { loads, edge, newest, store } = await openPage()
    let isOnline = false
    vi.stubGlobal('navigator', {
      get onLine(): boolean {
        return isOnline
      },
    })
    newest().cut()
    await pass()
    loads[0]?.resolve(later)
    await pass()
    expect(store.read(TASKS)).toMatchObject({ liveStatus: 'offline' })
    isOnline = true
    window.dispatchEvent(new Event('online'))
    await pass(10)
    expect(edge.connections).toHaveLength(2)
  })
})
