import { CLIENT_LIMITS, createLiveClient, type LiveState } from '@zenstack-live/client'
import { internals } from '@zenstack-live/client/internal'
import { COMMIT_POSITION_HEADER, parseEntryId, type EntryId, type Frame, type QueryId } from '@zenstack-live/protocol'
import { createFakeEdge, fakePosition, type FakeConnection, type FakeEdge } from '@zenstack-live/testing/fake-edge'
import { schema } from '@zenstack-live/testing/workspace'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'

const at = (lsn: number, index = 0): EntryId => parseEntryId(`${lsn}-${index}`)
const tick = async (ms = 0): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms)
}

function snapshot(q: QueryId, lsn: number, rows: { id: string; [field: string]: unknown }[]): Frame[] {
  return [
    { event: 'snapshot', q, at: at(lsn), part: 0, isLast: true, shape: 'rows', rows: rows.map((row) => ({ key: row.id, row, sort: row.id })) },
    { event: 'ready', q, at: at(lsn), engine: 'incremental', shape: 'rows', ticket: `ticket-${q}-${lsn}` },
  ]
}

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

const client = (): ReturnType<typeof createLiveClient<typeof schema>> => createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch })

const connection = (index: number): FakeConnection => {
  const found = edge.connections[index]
  if (found === undefined) throw new Error(`There are ${edge.connections.length} connections, none has index ${index}.`)
  return found
}

const only = <T>(items: readonly T[]): T => {
  const [item] = items
  if (item === undefined || items.length !== 1) throw new Error(`Expected one item, got ${items.length}.`)
  return item
}

/** A first connection at 7, and its successor, with one query more, that is at 6: what each length of the first query's rows was. */
async function succeedBehind(
  endBatch = (successor: FakeConnection): void => successor.endBatch(6),
): Promise<{ q: QueryId; seen: (number | undefined)[] }> {
  const live = client()
  const seen: (number | undefined)[] = []
  live.subscribe(live.task.findMany(), ({ data }) => seen.push(data?.length))
  await tick(10)
  const q = only(connection(0).ids)
  connection(0).send(...snapshot(q, 5, [{ id: 'a' }]))
  connection(0).endBatch(5)
  await tick()
  live.subscribe(live.space.findMany(), () => {})
  await tick(50)
  connection(0).send({ event: 'change', q, at: at(7, 1), ops: [{ op: 'enter', key: 'b', row: { id: 'b' }, sort: 'b' }] })
  connection(0).endBatch(7)
  await tick()
  connection(1).send({ event: 'ready', q, at: at(5), engine: 'incremental', shape: 'rows', ticket: 't' })
  connection(1).send(...snapshot(connection(1).ids[1] ?? q, 6, []))
  endBatch(connection(1))
  await tick()
  return { q, seen }
}

describe('a live client', () => {
  it('says at once that a path is no endpoint where there is no page', () => {
    const live = createLiveClient(schema)
    expect(() => live.subscribe(live.task.findMany(), () => {})).toThrow('the endpoint must be absolute, not "/api/live"')
  })

  it.each(['before', 'while'])('rejects who waits for a first result of a client that was closed %s', async (when) => {
    const live = client()
    const { store } = live[internals]
    if (when === 'before') live.$close()
    const waiting = store.ready(live.task.findMany())
    const told = expect(waiting).rejects.toThrow(TypeError)
    await tick(10)
    live.$close()
    await told
  })

  it('opens nothing until a query is watched', async () => {
    client().task.findMany()
    await tick(1000)
    expect(edge.requestCount).toBe(0)
  })

  it('asks for all queries of a tick on one connection, equal ones once', async () => {
    const live = client()
    live.subscribe(live.task.findMany({ where: { spaceId: 's1' } }), () => {})
    live.subscribe(live.task.findMany({ where: { spaceId: 's1' } }), () => {})
    live.subscribe(live.task.count(), () => {})
    await tick(10)
    expect(only(edge.connections).body).toEqual({
      queries: [
        { model: 'Task', operation: 'findMany', args: { where: { spaceId: 's1' } } },
        { model: 'Task', operation: 'count' },
      ],
    })
  })

  it('tells its state at once, and the result when the snapshot is whole', async () => {
    const live = client()
    const states: LiveState<{ id: string }[]>[] = []
    live.subscribe(live.task.findMany({ select: { id: true } }), (state) => states.push(state))
    expect(states).toMatchObject([{ status: 'pending', data: undefined, isLive: false, liveStatus: 'connecting' }])
    await tick(10)
    const q = only(connection(0).ids)
    connection(0).send({ event: 'snapshot', q, at: at(5), part: 0, isLast: false, shape: 'rows', rows: [{ key: 'a', row: { id: 'a' } }] })
    connection(0).send({ event: 'snapshot', q, at: at(5), part: 1, isLast: true, shape: 'rows', rows: [{ key: 'b', row: { id: 'b' } }] })
    await tick()
    expect(states).toHaveLength(1)
    connection(0).send({ event: 'ready', q, at: at(5), engine: 'incremental', shape: 'rows', ticket: 't' })
    connection(0).endBatch(5)
    await tick()
    expect(states.at(-1)).toMatchObject({ status: 'success', data: [{ id: 'a' }, { id: 'b' }], isLive: true, liveStatus: 'live' })
  })

  it('applies a transaction whole: one call, at the end of its batch', async () => {
    const live = client()
    const seen: unknown[] = []
    live.subscribe(live.task.findMany({ orderBy: { id: 'asc' } }), ({ data }) => seen.push(data))
    await tick(10)
    const q = only(connection(0).ids)
    connection(0).send(
      ...snapshot(q, 5, [
        { id: 'a', title: 'A' },
        { id: 'c', title: 'C' },
      ]),
    )
    connection(0).endBatch(5)
    await tick()
    const calls = seen.length
    connection(0).send(
      { event: 'change', q, at: at(8, 1), ops: [{ op: 'enter', key: 'b', row: { id: 'b', title: 'B' }, sort: 'b' }] },
      { event: 'change', q, at: at(8, 2), ops: [{ op: 'update', key: 'a', set: { title: 'A2' } }] },
      { event: 'change', q, at: at(8, 3), ops: [{ op: 'leave', key: 'c' }] },
    )
    await tick()
    expect(seen).toHaveLength(calls)
    connection(0).endBatch(8)
    await tick()
    expect(seen).toHaveLength(calls + 1)
    expect(seen.at(-1)).toEqual([
      { id: 'a', title: 'A2' },
      { id: 'b', title: 'B' },
    ])
  })

  it('keeps the identity of rows that did not change', async () => {
    const live = client()
    let data: readonly unknown[] = []
    live.subscribe(live.task.findMany(), (state) => (data = state.data ?? []))
    await tick(10)
    const q = only(connection(0).ids)
    connection(0).send(...snapshot(q, 5, [{ id: 'a' }, { id: 'b' }]))
    connection(0).endBatch(5)
    await tick()
    const [a, b] = data
    connection(0).send({ event: 'change', q, at: at(6, 1), ops: [{ op: 'update', key: 'b', set: { title: 'new' } }] })
    connection(0).endBatch(6)
    await tick()
    expect(data[0]).toBe(a)
    expect(data[1]).not.toBe(b)
  })

  it('resumes after a cut with its position and tickets, and repeats nothing it has', async () => {
    const live = client()
    const seen: unknown[] = []
    live.subscribe(live.task.findMany(), ({ data, liveStatus }) => seen.push([data?.length, liveStatus]))
    await tick(10)
    const q = only(connection(0).ids)
    connection(0).send(...snapshot(q, 5, [{ id: 'a' }]))
    connection(0).endBatch(5)
    connection(0).send({ event: 'change', q, at: at(7, 1), ops: [{ op: 'enter', key: 'b', row: { id: 'b' }, sort: 'b' }] })
    connection(0).endBatch(7)
    await tick()
    connection(0).cut()
    await tick(600)
    expect(connection(1).body.lastEventId).toContain('~7-0~')
    expect(only(connection(1).body.queries).ticket).toBe(`ticket-${q}-5`)
    connection(1).send({ event: 'ready', q, at: at(5), engine: 'incremental', shape: 'rows', ticket: 't2' })
    connection(1).send({ event: 'change', q, at: at(7, 1), ops: [{ op: 'enter', key: 'b', row: { id: 'b', title: 'stale' }, sort: 'b' }] })
    connection(1).send({ event: 'change', q, at: at(9, 1), ops: [{ op: 'enter', key: 'c', row: { id: 'c' }, sort: 'c' }] })
    connection(1).endBatch(9)
    await tick()
    expect(seen).toEqual([
      [undefined, 'connecting'],
      [1, 'live'],
      [2, 'live'],
      [2, 'catching-up'],
      [3, 'live'],
    ])
  })

  it('takes a snapshot also where it is behind what it holds: the changes that follow are made for it', async () => {
    const live = client()
    const seen: unknown[] = []
    live.subscribe(live.task.findMany(), ({ data }) => seen.push(data?.map(({ id }) => id).join('')))
    await tick(10)
    const q = only(connection(0).ids)
    connection(0).send(...snapshot(q, 9, [{ id: 'a' }, { id: 'b' }, { id: 'c' }]))
    connection(0).endBatch(9)
    await tick()
    connection(0).cut()
    await tick(600)
    // Of an edge that has not read yet how b went and d came: the database has told it, and the stream will not.
    connection(1).send(...snapshot(q, 5, [{ id: 'a' }, { id: 'c' }, { id: 'd' }]))
    connection(1).endBatch(5)
    connection(1).send({ event: 'change', q, at: at(12), ops: [{ op: 'enter', key: 'e', row: { id: 'e' }, sort: 'e' }] })
    connection(1).endBatch(12)
    await tick()
    expect([...new Set(seen)]).toEqual([undefined, 'abc', 'acd', 'acde'])
  })

  it('takes a replay that comes before the ready that names its end', async () => {
    const live = client()
    let shown: unknown
    live.subscribe(live.task.findMany(), ({ data }) => (shown = data?.map(({ id }) => id)))
    await tick(10)
    const q = only(connection(0).ids)
    connection(0).send(...snapshot(q, 5, [{ id: 'a' }]))
    connection(0).endBatch(5)
    await tick()
    connection(0).cut()
    await tick(600)
    connection(1).send({ event: 'change', q, at: at(7, 1), ops: [{ op: 'enter', key: 'b', row: { id: 'b' }, sort: 'b' }] })
    connection(1).send({ event: 'ready', q, at: at(7, 1), engine: 'incremental', shape: 'rows', ticket: 't2' })
    connection(1).endBatch(7)
    await tick()
    expect(shown).toEqual(['a', 'b'])
  })

  it('opens a changed set before it closes the old one', async () => {
    const live = client()
    live.subscribe(live.task.findMany(), () => {})
    await tick(10)
    const q = only(connection(0).ids)
    connection(0).send(...snapshot(q, 5, [{ id: 'a' }]))
    connection(0).endBatch(5)
    await tick()
    live.subscribe(live.space.findMany(), () => {})
    await tick(50)
    expect(edge.connections).toHaveLength(2)
    expect(connection(0).isClosed).toBe(false)
    connection(1).send({ event: 'ready', q, at: at(5), engine: 'incremental', shape: 'rows', ticket: 't' })
    connection(1).send(...snapshot(connection(1).ids[1] ?? q, 6, []))
    connection(1).endBatch(6)
    await tick()
    expect(connection(0).isClosed).toBe(true)
    expect(connection(1).isClosed).toBe(false)
  })

  it('never shows an older result when the successor is behind', async () => {
    const { q, seen } = await succeedBehind()
    expect(connection(0).isClosed).toBe(false)
    connection(1).send({ event: 'change', q, at: at(7, 1), ops: [{ op: 'enter', key: 'b', row: { id: 'b' }, sort: 'b' }] })
    connection(1).endBatch(7)
    await tick()
    expect(connection(0).isClosed).toBe(true)
    expect(seen).toEqual([undefined, 1, 2])
  })

  it.each(['is quiet', 'beats'])('gives a successor up that stays behind, and %s, for catchUpMs, and not before', async (when) => {
    const { seen } = await succeedBehind()
    await tick(CLIENT_LIMITS.catchUpMs - 1)
    expect([connection(0).isClosed, connection(1).isClosed]).toEqual([false, false])
    // A heartbeat is no catching up.
    if (when === 'beats') connection(1).endBatch(6)
    await tick()
    expect([connection(0).isClosed, connection(1).isClosed]).toEqual([false, false])
    await tick(1)
    expect([connection(0).isClosed, connection(1).isClosed]).toEqual([false, true])
    await tick(CLIENT_LIMITS.minBackoffMs)
    expect(connection(2).body.lastEventId).toBe(fakePosition(7))
    expect(seen).toEqual([undefined, 1, 2])
  })

  it('lets a successor that stays behind, and does not say how far it is, take over after catchUpMs, and not before', async () => {
    await succeedBehind((successor) => successor.write('id:\n\n'))
    await tick(CLIENT_LIMITS.catchUpMs - 1)
    expect([connection(0).isClosed, connection(1).isClosed]).toEqual([false, false])
    await tick(1)
    expect([connection(0).isClosed, connection(1).isClosed]).toEqual([true, false])
  })

  it('closes the connection some seconds after the last watcher is gone', async () => {
    const live = client()
    const stop = live.subscribe(live.task.findMany(), () => {})
    await tick(10)
    connection(0).accept()
    stop()
    await tick(4900)
    expect(connection(0).isClosed).toBe(false)
    await tick(200)
    expect(connection(0).isClosed).toBe(true)
  })

  it('holds no mutation up once it is closed, and leaves no timer behind', async () => {
    const answer = new Response('{}', { headers: { [COMMIT_POSITION_HEADER]: '0/99' } })
    const live = createLiveClient(schema, {
      endpoint: 'http://edge/live',
      fetch: async (url, init) => (url.startsWith('/api/model') ? answer : edge.fetch(url, init)),
    })
    live.subscribe(live.task.findMany(), () => {})
    await tick(10)
    connection(0).send(...snapshot(only(connection(0).ids), 5, []))
    connection(0).endBatch(5)
    await tick()
    const answered = vi.fn<(response: Response) => void>()
    void live.fetch('/api/model/task/create', { method: 'POST', body: '{}' }).then(answered)
    await tick()
    expect(answered).not.toHaveBeenCalled()
    live.$close()
    await tick()
    expect(answered).toHaveBeenCalledWith(answer)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('sends its headers and credentials with mutations too; what a request says itself comes first', async () => {
    const sent: RequestInit[] = []
    const live = createLiveClient(schema, {
      credentials: 'include',
      headers: () => ({ authorization: 'Bearer fresh', 'x-tenant': 'a' }),
      fetch: async (_url, init = {}) => {
        sent.push(init)
        return new Response('{}')
      },
    })
    await live.fetch('/api/model/task/create', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', 'x-tenant': 'b' } })
    const { method, credentials, headers } = only(sent)
    expect([method, credentials]).toEqual(['POST', 'include'])
    expect(Object.fromEntries(new Headers(headers))).toEqual({ authorization: 'Bearer fresh', 'x-tenant': 'b', 'content-type': 'application/json' })
  })

  it('says of a query beyond maxQueries that there are too many, and asks it when there is room', async () => {
    const live = createLiveClient(schema, {
      endpoint: 'http://edge/live',
      fetch: edge.fetch,
      limits: { maxQueries: 1, lingerMs: 0, queryRetryMs: 1_000 },
    })
    const stop = live.subscribe(live.task.findMany(), () => {})
    const states: LiveState<unknown>[] = []
    live.subscribe(live.task.count(), (state) => states.push(state))
    await tick(10)
    expect(only(edge.connections).body.queries).toHaveLength(1)
    expect(states.at(-1)?.error).toMatchObject({ code: 'too_many_queries' })
    await tick(5_000)
    expect(edge.connections).toHaveLength(1)
    stop()
    await tick(2_000)
    expect(edge.connections.at(-1)?.body.queries).toMatchObject([{ operation: 'count' }])
    expect(states.at(-1)?.error).toBeNull()
  })
})

describe('a listener that throws', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  /** What would be reported as uncaught. */
  function catchReported(): unknown[] {
    const reported: unknown[] = []
    vi.stubGlobal('queueMicrotask', (run: () => void) => {
      try {
        run()
      } catch (error) {
        reported.push(error)
      }
    })
    return reported
  }

  it('is reported, and keeps neither the others nor the stream from going on', async () => {
    const reported = catchReported()
    const live = client()
    const wrong = new Error('of the application')
    let isWrong = false
    live.subscribe(live.task.findMany(), () => {
      if (isWrong) throw wrong
    })
    const states: LiveState<unknown>[] = []
    live.subscribe(live.task.findMany(), (state) => states.push(state))
    await tick(10)
    isWrong = true
    connection(0).send(...snapshot(only(connection(0).ids), 5, [{ id: 'a' }]))
    connection(0).endBatch(5)
    await tick(1_000)
    expect(reported).toContain(wrong)
    expect(states.at(-1)).toMatchObject({ isLive: true, data: [{ id: 'a' }] })
    expect(edge.connections).toHaveLength(1)
  })

  it('at its first call is reported too, and can be released', async () => {
    const reported = catchReported()
    const live = client()
    const wrong = new Error('of the application')
    const stop = live.subscribe(live.task.findMany(), () => {
      throw wrong
    })
    expect(reported).toEqual([wrong])
    stop()
    await tick(CLIENT_LIMITS.lingerMs + 100)
    expect(live.$status).toBe('idle')
  })
})
