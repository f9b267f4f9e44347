import { CLIENT_LIMITS, createLiveClient } from '@zenstack-live/client'
import { internals } from '@zenstack-live/client/internal'
import { parseEntryId, type EntryId, type Frame, type QueryId } from '@zenstack-live/protocol'
import { createFakeEdge, fakePosition, type FakeConnection, type FakeEdge } from '@zenstack-live/testing/fake-edge'
import { schema } from '@zenstack-live/testing/workspace'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'

const at = (lsn: number): EntryId => parseEntryId(`${lsn}-0`)
const pass = async (ms = 0): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms)
}
const CHANGE_MS = CLIENT_LIMITS.changeDelayMs + 10

let edge: FakeEdge
// The client loads it beside the first results; faked time does not wait for files.
beforeAll(() => import('../src/later.ts'))
beforeEach(() => {
  vi.useFakeTimers()
  edge = createFakeEdge()
})
afterEach(() => {
  vi.useRealTimers()
})

const open = (): ReturnType<typeof createLiveClient<typeof schema>> => createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch })

const newest = (): FakeConnection => {
  const connection = edge.connections.at(-1)
  if (connection === undefined) throw new Error('Nothing was opened.')
  return connection
}

/** Answers all queries of the newest stream with one row. */
async function answer(lsn: number): Promise<void> {
  const rows = [{ key: 'a', row: { id: 'a' }, sort: 'a' }]
  const frames = (q: QueryId): Frame[] => [
    { event: 'snapshot', q, at: at(lsn), part: 0, isLast: true, shape: 'rows', rows },
    { event: 'ready', q, at: at(lsn), engine: 'incremental', shape: 'rows', ticket: `ticket-${lsn}` },
  ]
  newest().send(...newest().ids.flatMap(frames))
  newest().endBatch(lsn)
  await pass()
}

describe('a query that nobody watches any more', () => {
  /** A client with one query that stays, and one that was dropped while the stream still follows it. */
  async function dropOne(): Promise<{ live: ReturnType<typeof open>; shown(): number | undefined; dropAnother(spaceId: string): Promise<void> }> {
    const live = open()
    live.subscribe(live.task.findMany(), () => {})
    await pass(10)
    await answer(5)
    const dropAnother = async (spaceId: string): Promise<void> => {
      const stop = live.subscribe(live.task.findMany({ where: { spaceId } }), () => {})
      await pass(CHANGE_MS)
      await answer(6)
      stop()
      await pass(CLIENT_LIMITS.lingerMs)
      expect(newest().ids).toHaveLength(2)
    }
    await dropAnother('s1')
    return { live, shown: () => live[internals].store.connections()[0]?.shown.queries.size, dropAnother }
  }

  it('is forgotten for good, whatever its stream still brings of it', async () => {
    const { shown, dropAnother } = await dropOne()
    for (const spaceId of ['s2', 's3']) {
      for (const q of newest().ids) newest().send({ event: 'change', q, at: at(7), ops: [{ op: 'update', key: 'a', set: { title: 'new' } }] })
      newest().endBatch(7)
      await pass()
      expect(shown()).toBe(1)
      await pass(CHANGE_MS)
      await answer(7)
      expect(newest().ids).toHaveLength(1)
      expect(shown()).toBe(1)
      await dropAnother(spaceId)
    }
  })

  it('begins with what a server read when it comes back, not with what it was', async () => {
    const { live } = await dropOne()
    newest().endBatch(7)
    await pass(CHANGE_MS)
    await answer(7)
    const query = live.task.findMany({ where: { spaceId: 's1' } })
    const resume = { shape: 'rows' as const, at: at(9), keys: ['b'], ticket: 't', lastEventId: fakePosition(9) }
    live[internals].store.adopt(query, [{ id: 'b' }], resume)
    const told: unknown[] = []
    live.subscribe(query, ({ data }) => told.push(data))
    expect(told).toEqual([[{ id: 'b' }]])
  })

  it('leaves no place behind from which the next one would begin', async () => {
    const live = open()
    const query = live.task.findMany()
    live.subscribe(query, () => {})()
    await pass(10)
    await answer(5)
    await pass(CLIENT_LIMITS.lingerMs)
    const resume = { shape: 'rows' as const, at: at(9), keys: ['b'], ticket: 't', lastEventId: fakePosition(9) }
    live[internals].store.adopt(query, [{ id: 'b' }], resume)
    live.subscribe(query, () => {})
    await pass(10)
    expect(newest().body).toMatchObject({ lastEventId: fakePosition(9), queries: [{ ticket: 't' }] })
  })
})

describe('more queries than the server allows, though not the client', () => {
  const refuse = (): void => newest().refuse(429, { error: { code: 'too_many_queries' } })

  it('are said to be too many, and asked for again when one has gone', async () => {
    const live = open()
    const told: unknown[] = []
    live.subscribe(live.task.findMany(), ({ liveStatus, error }) => told.push([liveStatus, error?.code]))
    const stop = live.subscribe(live.space.findMany(), () => {})
    await pass(10)
    refuse()
    await pass(60_000)
    expect(told.at(-1)).toEqual(['denied', 'too_many_queries'])
    expect(edge.connections).toHaveLength(1)
    stop()
    await pass(CLIENT_LIMITS.lingerMs + CHANGE_MS)
    expect(newest().ids).toHaveLength(1)
    await answer(5)
    expect(told.at(-1)).toEqual(['live', undefined])
  })

  it('are said to be too many one by one while the others go on', async () => {
    const live = open()
    const states: Record<string, unknown> = {}
    const stop = live.subscribe(live.task.findMany(), ({ liveStatus }) => (states['first'] = liveStatus))
    await pass(10)
    await answer(5)
    live.subscribe(live.space.findMany(), ({ liveStatus, error }) => (states['second'] = error?.code ?? liveStatus))
    await pass(CHANGE_MS)
    refuse()
    await pass(CLIENT_LIMITS.maxBackoffMs)
    expect(states).toEqual({ first: 'live', second: 'too_many_queries' })
    stop()
    await pass(CLIENT_LIMITS.lingerMs + CHANGE_MS)
    await answer(6)
    expect(states['second']).toBe('live')
  })
})

describe('many queries more than are allowed', () => {
  it('are let in as others go, each time as many as there is room for', async () => {
    const live = createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch, limits: { maxQueries: 3 } })
    const stops = Array.from({ length: 6 }, (_, index) => live.subscribe(live.task.findMany({ where: { spaceId: `s${index}` } }), () => {}))
    await pass(10)
    expect(newest().ids).toHaveLength(3)
    await answer(5)
    for (const stop of stops.splice(0, 2)) stop()
    await pass(CLIENT_LIMITS.lingerMs + CHANGE_MS)
    expect(newest().ids).toHaveLength(3)
    const { store } = live[internals]
    expect([...store.wanted().values()].map(({ args }) => (args as { where: { spaceId: string } }).where.spaceId)).toEqual(['s2', 's3', 's4'])
  })
})
