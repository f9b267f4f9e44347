import { createLiveClient, type LiveClientOptions, type LiveState } from '@zenstack-live/client'
import { parseEntryId, type EntryId, type Frame, type QueryId } from '@zenstack-live/protocol'
import { createFakeEdge, type FakeConnection, type FakeEdge } from '@zenstack-live/testing/fake-edge'
import { schema } from '@zenstack-live/testing/workspace'
import { afterEach, beforeAll, beforeEach, vi } from 'vitest'

export const at = (lsn: number, index = 0): EntryId => parseEntryId(`${lsn}-${index}`)

export function snapshot(q: QueryId, lsn: number, rows: { id: string }[]): Frame[] {
  return [
    { event: 'snapshot', q, at: at(lsn), part: 0, isLast: true, shape: 'rows', rows: rows.map((row) => ({ key: row.id, row, sort: row.id })) },
    { event: 'ready', q, at: at(lsn), engine: 'incremental', shape: 'rows', ticket: `ticket-${lsn}` },
  ]
}

type Client = ReturnType<typeof createLiveClient<typeof schema>>

/** For each test of a file a faked edge, under faked time, and clients of it. */
export function fakedEdge() {
  let edge: FakeEdge
  // The client loads it beside the first results; faked time does not wait for files.
  beforeAll(() => import('../../src/later.ts'))
  beforeEach(() => {
    vi.useFakeTimers()
    edge = createFakeEdge()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const pass = async (ms = 0): Promise<void> => {
    await vi.advanceTimersByTimeAsync(ms)
  }
  const open = (options: LiveClientOptions = {}): Client => createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch, ...options })
  const newest = (): FakeConnection => {
    const connection = edge.connections.at(-1)
    if (connection === undefined) throw new Error('Nothing was opened.')
    return connection
  }
  const id = (index = 0): QueryId => {
    const found = newest().ids[index]
    if (found === undefined) throw new Error(`The newest connection has ${newest().ids.length} queries.`)
    return found
  }

  return {
    /** That of the present test. */
    get edge() {
      return edge
    },
    pass,
    open,
    newest,
    id,
    /** A client with one live query, and what its subscriber was told. */
    async openLive(options: LiveClientOptions = {}): Promise<{ live: Client; told: LiveState<unknown>[]; stop: () => void }> {
      const live = open(options)
      const told: LiveState<unknown>[] = []
      const stop = live.subscribe(live.task.findMany(), (state) => told.push(state))
      await pass(10)
      newest().send(...snapshot(id(), 5, [{ id: 'a' }]))
      newest().endBatch(5)
      await pass()
      return { live, told, stop }
    },
  }
}
