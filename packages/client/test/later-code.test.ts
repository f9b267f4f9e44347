import { CLIENT_LIMITS, type LiveQuery, type LiveState } from '@zenstack-live/client'
import { LiveStore } from '@zenstack-live/client/internal'
import { parseEntryId, type EntryId, type Frame, type QueryId } from '@zenstack-live/protocol'
import { createFakeEdge, type FakeConnection, type FakeEdge } from '@zenstack-live/testing/fake-edge'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LaterCode } from '../src/load-later.ts'

/*
 * What first results do not need is loaded beside them. Here it is late, fails, or never comes: what is shown is true all the same, and when it
 * is there, everything goes on from where it stood. The property test of the client does the same in any order.
 */
const later = await import('../src/later.ts')

const at = (lsn: number, index = 0): EntryId => parseEntryId(`${lsn}-${index}`)
const pass = async (ms = 0): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms)
}

function snapshot(q: QueryId, lsn: number, rows: { id: string }[]): Frame[] {
  return [
    { event: 'snapshot', q, at: at(lsn), part: 0, isLast: true, shape: 'rows', rows: rows.map((row) => ({ key: row.id, row, sort: row.id })) },
    { event: 'ready', q, at: at(lsn), engine: 'incremental', shape: 'rows', ticket: `ticket-${lsn}` },
  ]
}

const TASKS: LiveQuery<unknown> = { model: 'Task', operation: 'findMany', args: undefined }
const NOTES: LiveQuery<unknown> = { model: 'Note', operation: 'findMany', args: undefined }

interface World {
  edge: FakeEdge
  store: LiveStore
  loads: PromiseWithResolvers<LaterCode>[]
  /** What the watcher of the tasks was told. */
  told: LiveState<unknown>[]
  tabs: FakeChannel[]
  who: { person: string }
  newest(): FakeConnection
  id(index?: number): QueryId
  /** Of the tasks. */
  release: () => void
  watch(query: LiveQuery<unknown>, told?: LiveState<unknown>[]): () => void
}

class FakeChannel extends EventTarget {
  readonly posted: unknown[] = []
  constructor(tabs: FakeChannel[]) {
    super()
    tabs.push(this)
  }
  postMessage(message: unknown): void {
    this.posted.push(message)
  }
  close(): void {}
}

function storeOn(edge: FakeEdge, loadLater: () => Promise<LaterCode>, identity: () => string | null = () => null): LiveStore {
  return new LiveStore({
    endpoint: 'http://edge/live',
    fetch: edge.fetch,
    identity,
    onAuthExpired: undefined,
    limits: CLIENT_LIMITS,
    random: () => 0.5,
    sharesSignOut: true,
    loadLater,
  })
}

/** A page with one query whose first result is shown, while the later code is still on its way. */
async function openPage(): Promise<World> {
  const edge = createFakeEdge()
  const loads: PromiseWithResolvers<LaterCode>[] = []
  const tabs: FakeChannel[] = []
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  vi.stubGlobal('window', page)
  vi.stubGlobal('document', page)
  vi.stubGlobal(
    'BroadcastChannel',
    class extends FakeChannel {
      constructor() {
        super(tabs)
      }
    },
  )
  const who = { person: 'ada' }
  const store = storeOn(
    edge,
    () => {
      const load = Promise.withResolvers<LaterCode>()
      loads.push(load)
      return load.promise
    },
    () => who.person,
  )
  const world: World = {
    edge,
    store,
    loads,
    told: [],
    tabs,
    who,
    newest: () => {
      const connection = edge.connections.at(-1)
      if (connection === undefined) throw new Error('Nothing was opened.')
      return connection
    },
    id: (index = 0) => {
      const found = world.newest().ids[index]
      if (found === undefined) throw new Error(`The newest connection has ${world.newest().ids.length} queries.`)
      return found
    },
    release: () => {},
    watch: (query, told = world.told) => store.watch(query, () => told.push(store.read(query))),
  }
  world.release = world.watch(TASKS)
  await pass(10)
  world.newest().send(...snapshot(world.id(), 5, [{ id: 'a' }]))
  world.newest().endBatch(5)
  await pass()
  return world
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const LIVE_A = { status: 'success', data: [{ id: 'a' }], liveStatus: 'live', isLive: true }

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
    expect(told).toHaveLength(1)
    loads[0]?.resolve(later)
    await pass()
    expect(told.slice(1).map(({ data }) => data)).toEqual([[{ id: 'a' }, { id: 'b' }], [{ id: 'b' }]])
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
    const { edge, newest, store, watch, loads } = await openPage()
    store.close()
    expect(newest().isClosed).toBe(true)
    watch(NOTES, [])
    await pass(60_000)
    loads[0]?.resolve(later)
    await pass(60_000)
    expect(edge.connections).toHaveLength(1)
  })

  it('it is asked for again for as long as someone watches, and everything goes on when it comes', async () => {
    const { loads, told, newest } = await openPage()
    newest().cut()
    for (let round = 1; round <= 3; round++) {
      loads.at(-1)?.reject(new TypeError('Failed to fetch dynamically imported module'))
      await pass(CLIENT_LIMITS.queryRetryMs)
      expect(loads).toHaveLength(round + 1)
    }
    expect(told.at(-1)).toMatchObject({ liveStatus: 'catching-up', data: [{ id: 'a' }] })
    loads.at(-1)?.resolve(later)
    await pass(CLIENT_LIMITS.minBackoffMs)
    newest().send({ event: 'ready', q: newest().ids[0] as QueryId, at: at(5), engine: 'incremental', shape: 'rows', ticket: 't' })
    newest().endBatch(5)
    await pass()
    expect(told.at(-1)).toMatchObject(LIVE_A)
  })

  it('it is not asked for again when nobody watches', async () => {
    const { loads, store } = await openPage()
    store.close()
    loads[0]?.reject(new TypeError('Failed to fetch dynamically imported module'))
    await pass(60_000)
    expect(loads).toHaveLength(1)
  })
})
