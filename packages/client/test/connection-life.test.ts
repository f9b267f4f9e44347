import { CLIENT_LIMITS, createLiveClient, type LiveState } from '@zenstack-live/client'
import type { Frame, QueryId } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/workspace'
import { describe, expect, it, vi } from 'vitest'
import { at, fakedEdge, snapshot } from './support/faked-edge.ts'

const faked = fakedEdge()
const { pass, open, newest, id, openLive } = faked

describe('credentials', () => {
  it('are asked for anew for each request, and refreshed when the server says so', async () => {
    let token = 1
    const onAuthExpired = vi.fn(() => void token++)
    const { told } = await openLive({ headers: () => ({ authorization: `Bearer ${token}` }), onAuthExpired })
    expect(newest().headers.get('authorization')).toBe('Bearer 1')
    newest().send({ event: 'auth-expired' })
    newest().end()
    await pass(10)
    expect(onAuthExpired).toHaveBeenCalledOnce()
    expect(newest().headers.get('authorization')).toBe('Bearer 2')
    expect(newest().body.lastEventId).toContain('~5~')
    newest().send({ event: 'ready', q: id(), at: at(5), engine: 'incremental', shape: 'rows', ticket: 't' })
    newest().endBatch(5)
    await pass()
    expect(told.at(-1)).toMatchObject({ isLive: true, data: [{ id: 'a' }] })
  })

  it('that are refused after a refresh end it, until someone tries again', async () => {
    const { live, told } = await openLive({ onAuthExpired: () => Promise.resolve() })
    newest().send({ event: 'auth-expired' })
    await pass(10)
    newest().refuse(401, { error: { code: 'unauthenticated' } })
    await pass(60_000)
    expect(faked.edge.connections).toHaveLength(2)
    expect(told.at(-1)).toMatchObject({ status: 'error', liveStatus: 'denied', error: { code: 'unauthenticated' } })
    live.$reconnect()
    await pass(10)
    newest().send(...snapshot(id(), 9, [{ id: 'b' }]))
    newest().endBatch(9)
    await pass()
    expect(told.at(-1)).toMatchObject({ status: 'success', isLive: true, data: [{ id: 'b' }] })
  })

  it('that cannot be refreshed end it', async () => {
    const { told } = await openLive({ onAuthExpired: () => Promise.reject(new Error('no session')) })
    newest().send({ event: 'auth-expired' })
    await pass(60_000)
    expect(faked.edge.connections).toHaveLength(1)
    expect(told.at(-1)).toMatchObject({ liveStatus: 'denied', error: { code: 'unauthenticated' } })
  })
})

describe('one query', () => {
  it('that is slow to open keeps nobody waiting, neither beside it nor after it', async () => {
    const live = open()
    const tasks: unknown[] = []
    const spaces: unknown[] = []
    live.subscribe(live.task.findMany(), ({ data }) => tasks.push(data?.length))
    live.subscribe(live.user.findMany(), () => {})
    await pass(10)
    newest().send(...snapshot(id(0), 5, [{ id: 'a' }]))
    newest().write('id: \n\n')
    await pass()
    expect(tasks.at(-1)).toBe(1)
    live.subscribe(live.space.findMany(), ({ data }) => spaces.push(data?.length))
    await pass(50)
    expect(faked.edge.connections).toHaveLength(2)
    newest().send(...snapshot(id(0), 6, [{ id: 'a' }]), ...snapshot(id(2), 6, [{ id: 's' }]))
    newest().write('id: \n\n')
    await pass()
    expect(spaces.at(-1)).toBe(1)
    expect(faked.edge.connections[0]?.isClosed).toBe(true)
  })

  it('that is refused for now is asked for again, that is refused for good is not', async () => {
    const live = open()
    const told: string[] = []
    live.subscribe(live.task.findMany(), ({ error, status }) => told.push(`${status} ${error?.code ?? ''}`))
    await pass(10)
    newest().send({ event: 'error', q: id(), code: 'database_unavailable', message: '' })
    await pass(CLIENT_LIMITS.queryRetryMs + 100)
    expect(faked.edge.connections).toHaveLength(2)
    newest().send({ event: 'error', q: id(), code: 'not_live', message: '' })
    await pass(60_000)
    expect(faked.edge.connections).toHaveLength(2)
    expect(told.at(-1)).toBe('error not_live')
  })

  it('that only a stream brought which was behind begins anew where that is lost, too', async () => {
    const live = open()
    live.subscribe(live.task.findMany(), () => {})
    const spaces: unknown[] = []
    live.subscribe(live.space.findMany(), ({ data }) => spaces.push(data))
    await pass(10)
    const [leader, [tasks, space]] = [newest(), [id(0), id(1)]]
    leader.send(...snapshot(tasks, 5, [{ id: 'a' }]), { event: 'error', q: space, code: 'database_unavailable', message: '' })
    leader.endBatch(5)
    await pass(CLIENT_LIMITS.queryRetryMs + 100)
    const successor = newest()
    expect(successor).not.toBe(leader)
    successor.send(...snapshot(space, 50, [{ id: 's' }]))
    leader.send({ event: 'change', q: tasks, at: at(100), ops: [{ op: 'update', key: 'a', set: { title: 'new' } }] })
    leader.endBatch(100)
    await pass()
    leader.cut()
    await pass()
    successor.endBatch(50)
    await pass()
    expect(spaces.at(-1)).toEqual([{ id: 's' }])
    successor.cut()
    await pass(1000)
    expect(newest().body.lastEventId).toContain('~100~')
    expect(newest().body.queries.map(({ ticket }) => ticket)).toEqual(['ticket-5', undefined])
  })

  it('too many of it are not asked for, and wait', async () => {
    const live = open({ limits: { maxQueries: 2 } })
    for (const spaceId of ['1', '2', '3']) live.subscribe(live.task.findMany({ where: { spaceId } }), () => {})
    await pass(10)
    expect(newest().ids).toHaveLength(2)
  })

  it('too many of it wait for another person, too', async () => {
    let person = 'ann'
    const live = open({ limits: { maxQueries: 2 }, identity: () => person })
    for (const spaceId of ['1', '2', '3']) live.subscribe(live.task.findMany({ where: { spaceId } }), () => {})
    await pass(10)
    person = 'bob'
    expect(live.$status).toBe('connecting')
    await pass(10)
    expect(faked.edge.connections.map(({ ids }) => ids.length)).toEqual([2, 2])
  })
})

describe('a stream', () => {
  it.each(['of its query', 'of queries nobody asked for'])('that floods without ending a batch is given up, with changes %s', async (which) => {
    await openLive({ limits: { maxBufferedFrames: 10 } })
    const asked = which === 'of its query'
    for (let index = 0; index < 11; index++) newest().send({ event: 'change', q: asked ? id() : (`${index}` as QueryId), at: at(6, index), ops: [] })
    await pass(1000)
    expect(faked.edge.connections).toHaveLength(2)
  })

  it('brings as many changes for each of its queries as for one, and no more for any', async () => {
    const live = open({ limits: { maxBufferedFrames: 10 } })
    const told = ['1', '2', '3'].map((): LiveState<unknown>[] => [])
    for (const [spaceId, states] of told.entries()) live.subscribe(live.task.findMany({ where: { id: `${spaceId}` } }), (state) => states.push(state))
    await pass(10)
    const ids = [0, 1, 2].map(id)
    for (const q of ids) newest().send(...snapshot(q, 5, [{ id: 'a' }]))
    newest().endBatch(5)
    const each = (q: QueryId, lsn: number, count = 10): void => {
      for (let index = 0; index < count; index++) newest().send({ event: 'change', q, at: at(lsn, index), ops: [{ op: 'leave', key: 'a' }] })
    }
    for (const q of ids) each(q, 6)
    newest().endBatch(6)
    await pass(1000)
    expect(told.map((states) => states.at(-1))).toEqual(ids.map(() => expect.objectContaining({ isLive: true, data: [] })))
    // What a reset takes back counts no longer.
    for (const q of ids) {
      each(q, 7)
      newest().send({ event: 'reset', q, at: at(7), reason: 'slow' })
      each(q, 8)
    }
    await pass(1000)
    expect(faked.edge.connections).toHaveLength(1)
    each(id(1), 9, 1)
    await pass(1000)
    expect(faked.edge.connections).toHaveLength(2)
  })

  it('that floods with changes of one of its queries is given up, too', async () => {
    const live = open({ limits: { maxBufferedFrames: 10 } })
    for (const query of [live.task.findMany(), live.space.findMany()]) live.subscribe(query, () => {})
    await pass(10)
    for (let index = 0; index < 10; index++) newest().send({ event: 'change', q: id(1), at: at(6, index), ops: [] })
    await pass()
    expect(newest().isClosed).toBe(false)
    newest().send({ event: 'change', q: id(1), at: at(6, 10), ops: [] })
    await pass()
    expect(newest().isClosed).toBe(true)
  })

  it('that sends what cannot be read is given up and resumed', async () => {
    await openLive()
    newest().write('event: change\ndata: {"q":\n\n')
    await pass(1000)
    expect(faked.edge.connections).toHaveLength(2)
    expect(newest().body.lastEventId).toContain('~5~')
  })

  it('skips events of a newer server', async () => {
    const { told } = await openLive()
    newest().write('event: sparkle\ndata: {}\n\n')
    newest().endBatch(6)
    await pass(100)
    expect(faked.edge.connections).toHaveLength(1)
    expect(told.at(-1)?.isLive).toBe(true)
  })

  it('of the person before tells the next one of no change, also where nobody noticed yet that they left', async () => {
    let person = 'ann'
    const live = open({ identity: () => person })
    const told: unknown[] = []
    live.subscribe(live.task.changes(), (change) => told.push(change))
    await pass(10)
    const q = id()
    const created = (title: string): Frame => ({
      event: 'changes',
      q,
      at: at(6),
      changes: [{ type: 'created', date: '2026-01-02T00:00:00.000Z', created: { id: title, title } }],
    })
    newest().send({ event: 'ready', q, at: at(5), engine: 'incremental', shape: 'rows', ticket: 't' })
    newest().endBatch(5)
    await pass()
    person = 'bob'
    newest().send(created('for ann'), created('for ann too'))
    newest().endBatch(6)
    await pass(10)
    expect(told).toEqual([])
    expect(faked.edge.connections.map(({ isClosed }) => isClosed)).toEqual([true, false])
  })

  it('that answers with a page instead of events is refused', async () => {
    const live = createLiveClient(schema, {
      endpoint: 'http://edge/live',
      fetch: () => Promise.resolve(new Response('<html>', { headers: { 'content-type': 'text/html' } })),
    })
    const told: LiveState<unknown>[] = []
    live.subscribe(live.task.findMany(), (state) => told.push(state))
    await pass(10)
    expect(told.at(-1)).toMatchObject({ liveStatus: 'denied', error: { code: 'bad_request' } })
  })
})
