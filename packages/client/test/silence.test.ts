import type { LiveClientOptions, LiveState } from '@zenstack-live/client'
import { internals } from '@zenstack-live/client/internal'
import { describe, expect, it } from 'vitest'
import { fakedEdge, snapshot } from './support/faked-edge.ts'

const faked = fakedEdge()
const { pass, open, newest, id } = faked

describe('silence', () => {
  it('from the first byte on, twice, makes the client ask instead, and later try to listen again', async () => {
    const live = open({ limits: { openTimeoutMs: 1000, pollIntervalMs: 1000, pollsBeforeStreaming: 2 } })
    const told: LiveState<unknown>[] = []
    live.subscribe(live.task.findMany({ where: { spaceId: 's1' } }), (state) => told.push(state))
    await pass(10)
    newest().accept()
    // Given up after a second; opened again, for a second, after a pause of up to half of one.
    await pass(1600)
    expect(faked.edge.connections).toHaveLength(2)
    newest().accept()
    await pass(1000)
    const read = faked.edge.reads[0]
    expect(read?.url.pathname).toBe('/live/task/findMany')
    expect(read?.url.searchParams.get('q')).toBe('{"where":{"spaceId":"s1"}}')
    read?.respond({ data: [{ id: 'a' }] })
    await pass()
    expect(told.at(-1)).toMatchObject({ liveStatus: 'polling', isLive: false, data: [{ id: 'a' }] })
    const before = told.length
    await pass(1300)
    faked.edge.reads[1]?.respond({ data: [{ id: 'a' }] })
    await pass()
    expect(told).toHaveLength(before)
    await pass(1300)
    expect(faked.edge.connections).toHaveLength(3)
    newest().send(...snapshot(id(), 5, [{ id: 'a' }]))
    newest().endBatch(5)
    await pass()
    expect(told.at(-1)).toMatchObject({ isLive: true })
  })

  it('gives up an answer that takes too long, and asks again', async () => {
    const live = open({ limits: { silencesBeforePolling: 1, openTimeoutMs: 1000, pollIntervalMs: 1000 } })
    const told: LiveState<unknown>[] = []
    live.subscribe(live.task.findMany(), (state) => told.push(state))
    await pass(10)
    newest().accept()
    await pass(1000)
    expect(faked.edge.reads).toHaveLength(1)
    // Given up after a second, asked for again after a pause of up to one and a quarter.
    await pass(1000 + 1250)
    expect(faked.edge.reads).toHaveLength(2)
    faked.edge.reads[1]?.respond({ data: [{ id: 'a' }] })
    await pass()
    expect(told.at(-1)).toMatchObject({ liveStatus: 'polling', data: [{ id: 'a' }] })
  })

  it('ends what it asked for with the client', async () => {
    const signals: (AbortSignal | null | undefined)[] = []
    const fetch: LiveClientOptions['fetch'] = (url, init) => {
      signals.push(init?.signal)
      return faked.edge.fetch(url, init)
    }
    const live = open({ fetch, limits: { silencesBeforePolling: 1, openTimeoutMs: 1000 } })
    live.subscribe(live.task.findMany(), () => {})
    await pass(10)
    newest().accept()
    await pass(1000)
    expect([faked.edge.reads.length, signals.at(-1)?.aborted]).toEqual([1, false])
    live.$close()
    expect(signals.at(-1)?.aborted).toBe(true)
  })

  it('is not answered any more once a stream is there again, whatever the `fetch` makes of its signal', async () => {
    const fetch: LiveClientOptions['fetch'] = (url, init) => faked.edge.fetch(url, init?.method === 'POST' ? init : { ...init, signal: null })
    const live = open({ fetch, limits: { silencesBeforePolling: 1, openTimeoutMs: 1000 } })
    const told: LiveState<unknown>[] = []
    live.subscribe(live.task.findMany(), (state) => told.push(state))
    await pass(10)
    newest().accept()
    await pass(1000)
    live.$reconnect()
    await pass()
    newest().send(...snapshot(id(), 5, [{ id: 'b' }]))
    newest().endBatch(5)
    await pass()
    faked.edge.reads[0]?.respond({ data: [{ id: 'a' }] })
    await pass()
    expect(told.at(-1)).toMatchObject({ isLive: true, data: [{ id: 'b' }] })
  })

  it.each(['before the answer', 'with the answer'])('answers nobody with what was asked for the person before, noticed %s', async (when) => {
    let person = 'ann'
    const live = open({ identity: () => person, limits: { silencesBeforePolling: 1, openTimeoutMs: 1000 } })
    const told: LiveState<unknown>[] = []
    live.subscribe(live.task.findMany(), (state) => told.push(state))
    await pass(10)
    newest().accept()
    await pass(1000)
    expect(faked.edge.reads).toHaveLength(1)
    person = 'bob'
    if (when === 'before the answer') expect(live.$status).toBe('connecting')
    faked.edge.reads[0]?.respond({ data: [{ id: 'of ann' }] })
    await pass()
    expect(told.flatMap(({ data }) => data ?? [])).toEqual([])
    newest().send(...snapshot(id(), 5, [{ id: 'of bob' }]))
    newest().endBatch(5)
    await pass()
    expect(told.at(-1)).toMatchObject({ isLive: true, data: [{ id: 'of bob' }] })
  })

  it('that made the client ask ends with the person: the one who comes has seen nothing yet', async () => {
    let person = 'ann'
    const live = open({ identity: () => person, limits: { silencesBeforePolling: 1, openTimeoutMs: 1000 } })
    for (const query of [live.task.findMany(), live.space.findMany()]) live.subscribe(query, () => {})
    await pass(10)
    newest().accept()
    await pass(1000)
    faked.edge.reads[0]?.respond({ data: [{ id: 'of ann' }] })
    await pass()
    person = 'bob'
    expect(live.$status).toBe('connecting')
    faked.edge.reads[1]?.respond({ data: [] })
    await pass()
    expect(live[internals].store.lastSyncedAt(live.task.findMany())).toBeUndefined()
  })

  it('is not assumed where nothing was accepted', async () => {
    const live = open({ limits: { openTimeoutMs: 1000, maxBackoffMs: 100 } })
    live.subscribe(live.task.findMany(), () => {})
    await pass(10_000)
    expect(faked.edge.connections.length).toBeGreaterThan(3)
    expect(faked.edge.reads).toHaveLength(0)
  })
})
