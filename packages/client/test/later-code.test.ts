import { CLIENT_LIMITS, type LiveState } from '@zenstack-live/client'
import { createFakeEdge } from '@zenstack-live/testing/fake-edge'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LaterCode } from '../src/load-later.ts'
import { at, LIVE_A, NOTES, openPage, pass, snapshot, storeOn, TASKS } from './support/late-page.ts'

/*
 * What first results do not need is loaded beside them. Here it is late: what is shown is true all the same, and when it is there, everything goes
 * on from where it stood. The property test of the client does the same in any order.
 */
const later = await import('../src/later.ts')

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('the first results', () => {
  it('are shown, and live, before the later code is there; it is asked for together with them', async () => {
    const { loads, told } = await openPage()
    expect(loads).toHaveLength(1)
    expect(told).toMatchObject([LIVE_A])
  })

  it('are told once: the later code says nothing by itself, and opens nothing', async () => {
    const { loads, told, edge } = await openPage()
    loads[0]?.resolve(later)
    await pass(CLIENT_LIMITS.silenceMs - 1)
    expect([told.length, edge.connections.length]).toEqual([1, 1])
  })

  it('are those of every query that began with them', async () => {
    const edge = createFakeEdge()
    const store = storeOn(edge, () => new Promise(() => {}))
    store.watch(TASKS)
    store.watch(NOTES)
    await pass(10)
    const [tasks, notes] = edge.connections[0]?.ids ?? []
    if (tasks === undefined || notes === undefined) throw new Error('Two queries were watched.')
    edge.connections[0]?.send(...snapshot(notes, 5, [{ id: 'n' }]))
    await pass()
    expect(store.read(NOTES)).toMatchObject({ data: [{ id: 'n' }], isLive: true })
    expect(store.read(TASKS)).toMatchObject({ status: 'pending', liveStatus: 'connecting' })
    edge.connections[0]?.send(...snapshot(tasks, 5, []))
    edge.connections[0]?.endBatch(5)
    await pass()
    expect(store.read(TASKS)).toMatchObject({ data: [], isLive: true })
  })
})

describe('what comes before the later code', () => {
  it('if it is a change, is shown when the code is there, in order and whole', async () => {
    const { loads, told, newest, id } = await openPage()
    newest().send({ event: 'change', q: id(), at: at(6), ops: [{ op: 'enter', key: 'b', row: { id: 'b' }, sort: 'b' }] })
    newest().endBatch(6)
    newest().send({ event: 'change', q: id(), at: at(7), ops: [{ op: 'leave', key: 'a' }] })
    newest().endBatch(7)
    await pass(1000)
    expect(told.slice(1).map(({ data }) => data)).toEqual([[{ id: 'a' }]])
    loads[0]?.resolve(later)
    await pass()
    expect(told.slice(2).map(({ data }) => data)).toEqual([[{ id: 'a' }, { id: 'b' }], [{ id: 'b' }]])
    expect(told.at(-1)).toMatchObject({ isLive: true })
  })

  it('if it cannot be shown, ends what is called live at once, for every query of the stream, until it is shown', async () => {
    const { loads, told, newest, id, store } = await openPage([TASKS, NOTES])
    newest().send(...snapshot(id(1), 5, []))
    newest().send({ event: 'change', q: id(), at: at(6), ops: [{ op: 'leave', key: 'a' }] })
    await pass()
    expect(told.slice(1)).toMatchObject([{ data: [{ id: 'a' }], isLive: false, liveStatus: 'catching-up', error: null }])
    expect(store.read(NOTES)).toMatchObject({ isLive: false, liveStatus: 'catching-up' })
    expect(store.status()).toBe('catching-up')
    loads[0]?.resolve(later)
    await pass()
    // The rest of the batch is not here.
    expect(told.slice(2)).toEqual([])
    newest().endBatch(6)
    await pass()
    expect(told.slice(2)).toMatchObject([{ data: [], isLive: true }])
    expect([store.read(NOTES).isLive, store.status()]).toEqual([true, 'live'])
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

  it('if it is a cut, is resumed when the code is there; until then nothing is called live', async () => {
    const { loads, told, edge, newest } = await openPage()
    newest().cut()
    await pass()
    expect(told.at(-1)).toMatchObject({ data: [{ id: 'a' }], liveStatus: 'catching-up', isLive: false })
    await pass(60_000)
    expect(edge.connections).toHaveLength(1)
    loads[0]?.resolve(later)
    await pass(CLIENT_LIMITS.minBackoffMs)
    expect(newest().body.lastEventId).toContain('~5~')
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
    const { loads, told, edge, newest } = await openPage()
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
    expect(told.at(-1)).toMatchObject({ liveStatus: 'offline', data: [{ id: 'a' }] })
    isOnline = true
    window.dispatchEvent(new Event('online'))
    await pass(10)
    expect(edge.connections).toHaveLength(2)
  })
})
