import { createHonoOperationsHandler } from '@zenstack-live/edge'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { openStream, wire } from './support/read-stream.ts'
import { loadSocketWriter } from '../src/streams/load-socket-writer.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const NOTES = wire('Note', 'findMany')
const COUNT = wire('Note', 'count')

describe('what operators see', () => {
  let workspace: Workspace
  let running: RunningEdge
  /** The edge sees the log up to here. */
  let gate: Promise<void> = Promise.resolve()

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace, {
      holdLog: () => gate,
      mount: (app) => app.get('/internal/*', createHonoOperationsHandler({ edge: async () => running.edge })),
    })
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  const scrape = async (): Promise<(sample: string) => number> => {
    const response = await running.app.request('/internal/metrics')
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
    const samples = new Map<string, number>()
    for (const line of (await response.text()).split('\n')) {
      const split = line.lastIndexOf(' ')
      if (!line.startsWith('#')) samples.set(line.slice(0, split), Number(line.slice(split + 1)))
    }
    return (sample) => samples.get(`zenstack_live_${sample}`) ?? Number.NaN
  }

  it('tells of streams, queries, questions, and how long a commit took to the socket', async () => {
    const before = await scrape()
    const stream = await openStream({ base: running.base, user: 'bob', queries: [NOTES, COUNT] })
    await stream.until(() => stream.query(NOTES.q).isReady && stream.query(COUNT.q).isReady, 'ready', 30_000)
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'measured' } })
    await stream.until(() => stream.text.includes('measured'), 'the note', 30_000)
    running.edge.refreshIdentity('bob')
    await vi.waitUntil(async () => (await scrape())('revocation_seconds_count') > 0, { timeout: 30_000 })
    const after = await scrape()
    const risen = (sample: string): number => after(sample) - before(sample)
    expect(after('connections')).toBe(1)
    expect(after('connections_stalled')).toBe(0)
    expect([after('queries{engine="incremental"}'), after('queries{engine="requery"}')]).toEqual([1, 1])
    expect(after('requery_reasons_total{reason="operation: count"}')).toBe(1)
    expect(after('snapshots_total{cause="opening"}')).toBeGreaterThanOrEqual(1)
    expect(risen('queries_concerned_total')).toBeGreaterThanOrEqual(2)
    for (const sample of [
      'rows_decided_total',
      'requeries_total',
      'database_queries_total',
      'frames_sent_total',
      ...(loadSocketWriter(() => {}) === undefined ? [] : ['direct_writes_total']),
      'sent_bytes_total',
      'identity_checks_total',
    ])
      expect(risen(sample), sample).toBeGreaterThan(0)
    expect(risen('transactions_total')).toBe(risen('decide_seconds_count'))
    expect(risen('commit_to_socket_seconds_count')).toBeGreaterThan(0)
    expect(after('commit_to_socket_seconds_bucket{le="+Inf"}')).toBe(after('commit_to_socket_seconds_count'))
    stream.close()
    await vi.waitUntil(async () => (await scrape())('connections') === 0, { timeout: 30_000 })
  })

  it('tells how far durable readers are behind', async () => {
    const lease = await running.log.readers.acquire('mail', { owner: 'test', leaseMs: 60_000 })
    if ('heldByOwner' in lease) throw new Error('The reader is held by another.')
    const { newest } = await running.log.state()
    if (newest === undefined) throw new Error('The log is empty.')
    await running.log.readers.save(lease, { record: { cursor: newest, state: '' } })
    const before = (await scrape())('durable_reader_distance_bytes{reader="mail"}')
    expect(before).toBeGreaterThanOrEqual(0)
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'behind' } })
    await running.caughtUp()
    expect((await scrape())('durable_reader_distance_bytes{reader="mail"}')).toBeGreaterThan(before)
  })

  it('tells for how long what was committed has not come into the log', async () => {
    const behind = async (): Promise<number> => (await scrape())('capture_behind_seconds')
    const keepsUp = (): Promise<true> => vi.waitUntil(async () => (await behind()) < 0.5, { timeout: 30_000 })
    await keepsUp()
    const held = Promise.withResolvers<void>()
    gate = held.promise
    // On an idle database the log has all there is, whether it still follows or not.
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'unheard' } })
    try {
      const first = await behind()
      expect(first).toBeGreaterThanOrEqual(0.5)
      expect(await behind()).toBeGreaterThan(first)
    } finally {
      held.resolve()
    }
    await keepsUp()
  })

  it('goes on telling the rest while the log does not answer', async () => {
    const asked = vi.spyOn(running.log, 'state').mockRejectedValue(new Error('away'))
    try {
      const sample = await scrape()
      expect([sample('connections'), sample('durable_reader_distance_bytes{reader="mail"}')]).toEqual([0, Number.NaN])
    } finally {
      asked.mockRestore()
    }
  })

  it('says that nothing has started', async () => {
    const app = new Hono().get('/*', createHonoOperationsHandler({ edge: () => Promise.reject(new Error('no database')) }))
    for (const path of ['metrics', 'status', 'health']) {
      const response = await app.request(`/${path}`)
      expect([response.status, await response.json()]).toEqual([503, { isReady: false, reasons: ['The edge has not started.'], warnings: [] }])
    }
  })

  it('shows it to people, on a page that runs nothing', async () => {
    const response = await running.app.request('/internal/status')
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8'])
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(await response.text()).toContain('<span class="badge">Ready</span>')
  })

  it('is live always, and ready until it drains', async () => {
    const ask = async (path: string) => {
      const response = await running.app.request(`/internal/health/${path}`)
      return [response.status, await response.json()]
    }
    expect(await ask('live')).toEqual([200, { isLive: true }])
    expect(await ask('ready')).toEqual([200, { isReady: true, reasons: [], warnings: [] }])
    await running.edge.drain()
    expect(await ask('ready')).toEqual([503, { isReady: false, reasons: ['The edge is draining.'], warnings: [] }])
    expect(await ask('live')).toEqual([200, { isLive: true }])
  })
})
