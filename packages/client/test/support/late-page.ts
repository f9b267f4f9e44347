import { CLIENT_LIMITS, type LiveQuery, type LiveState } from '@zenstack-live/client'
import { LiveStore } from '@zenstack-live/client/internal'
import { parseEntryId, type EntryId, type Frame, type QueryId } from '@zenstack-live/protocol'
import { createFakeEdge, type FakeConnection, type FakeEdge } from '@zenstack-live/testing/fake-edge'
import { vi } from 'vitest'
import type { LaterCode } from '../../src/load-later.ts'

export const at = (lsn: number, index = 0): EntryId => parseEntryId(`${lsn}-${index}`)
export const pass = async (ms = 0): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms)
}

export function snapshot(q: QueryId, lsn: number, rows: { id: string }[]): Frame[] {
  return [
    { event: 'snapshot', q, at: at(lsn), part: 0, isLast: true, shape: 'rows', rows: rows.map((row) => ({ key: row.id, row, sort: row.id })) },
    { event: 'ready', q, at: at(lsn), engine: 'incremental', shape: 'rows', ticket: `ticket-${lsn}` },
  ]
}

export const TASKS: LiveQuery<unknown> = { model: 'Task', operation: 'findMany', args: undefined }
export const NOTES: LiveQuery<unknown> = { model: 'Note', operation: 'findMany', args: undefined }

export interface World {
  edge: FakeEdge
  store: LiveStore
  loads: PromiseWithResolvers<LaterCode>[]
  /** What the watcher of the tasks was told. */
  told: LiveState<unknown>[]
  tabs: FakeChannel[]
  who: { person: string }
  newest(): FakeConnection
  id(index?: number): QueryId
  /** Loads that failed so far are answered with a failure, as is each that follows at once. */
  failLoads: () => Promise<void>
  /** Of the tasks. */
  release: () => void
  watch(query: LiveQuery<unknown>, told?: LiveState<unknown>[]): () => void
}

class FakeChannel extends EventTarget {
  readonly posted: unknown[] = []
  isClosed = false
  constructor(tabs: FakeChannel[]) {
    super()
    tabs.push(this)
  }
  postMessage(message: unknown): void {
    this.posted.push(message)
  }
  close(): void {
    this.isClosed = true
  }
}

export function storeOn(edge: FakeEdge, loadLater: () => Promise<LaterCode>, identity: () => string | null = () => null): LiveStore {
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

/** A page with one query whose first answer is here, while the code that reads it is still on its way. */
export async function openPage(queries: readonly LiveQuery<unknown>[] = [TASKS]): Promise<World> {
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
    failLoads: async () => {
      for (let tries = 0; tries < CLIENT_LIMITS.codeTries; tries++) {
        loads.at(-1)?.reject(NOT_FETCHED)
        await pass(CLIENT_LIMITS.minBackoffMs * 2 ** tries)
      }
    },
    release: () => {},
    watch: (query, told = world.told) => store.watch(query, () => told.push(store.read(query))),
  }
  world.release = world.watch(TASKS)
  for (const query of queries) if (query !== TASKS) world.watch(query, [])
  await pass(10)
  world.newest().send(...snapshot(world.id(), 5, [{ id: 'a' }]))
  world.newest().endBatch(5)
  await pass()
  return world
}

export const NOT_FETCHED = new TypeError('Failed to fetch dynamically imported module')
export const LIVE_A = { status: 'success', data: [{ id: 'a' }], liveStatus: 'live', isLive: true }
