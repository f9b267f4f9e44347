import type { JsonAnswer } from '@zenstack-live/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { openGet, openStream, wire, type HeldQuery, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const NOTES = wire('Note', 'findMany', { orderBy: { id: 'asc' } })
const WINDOW = wire('Note', 'findMany', { orderBy: { id: 'asc' }, take: 50 })
const COUNT = wire('Note', 'count')
const USERS = wire('User', 'count')

const bodies = (stream: TestStream, query = NOTES): unknown[] => stream.query(query.q).rows.map(({ row }) => row['body'])

const events = (stream: TestStream): string[] => stream.frames.map((frame) => frame.event)

const changed = (text: string, at: number): string => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)

describe('a reader that comes back', () => {
  let workspace: Workspace
  let running: RunningEdge
  const streams: TestStream[] = []

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace)
    await note('first')
  })
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close()
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  const note = (body: string, ownerId = 'bob'): Promise<unknown> => workspace.db.note.create({ data: { ownerId, body } })
  const opened = (stream: TestStream): TestStream => {
    streams.push(stream)
    return stream
  }

  /** Opens, waits for an id that covers all, and is cut. */
  const leaveWith = async (queries = [NOTES, WINDOW, COUNT, USERS], user = 'bob') => {
    const stream = opened(await openStream({ base: running.base, user, queries }))
    await stream.until(() => queries.every(({ q }) => stream.query(q).isReady) && (stream.lastEventId ?? '') !== '', 'an id')
    stream.close()
    const held = new Map<(typeof NOTES)['q'], HeldQuery>(queries.map(({ q }) => [q, stream.query(q)]))
    return {
      lastEventId: stream.lastEventId ?? '',
      held,
      queries: queries.map((query) => ({ ...query, ticket: stream.query(query.q).ticket ?? '' })),
    }
  }

  it('gets only what it missed, and asks the database for nothing that was not touched', async () => {
    const left = await leaveWith()
    await note('missed')
    await running.caughtUp()
    await running.restart()
    const stream = opened(await openStream({ base: running.base, user: 'bob', ...left }))
    await stream.until(() => bodies(stream).includes('missed') && bodies(stream, WINDOW).includes('missed'), 'what it missed')
    await stream.until(() => stream.query(COUNT.q).value === bodies(stream).length, 'the count')
    // Decided in memory: a change; asked again, because touched: a snapshot; untouched: nothing.
    const ofQuery = (q: string): string[] => stream.frames.flatMap((frame) => ('q' in frame && frame.q === q ? [frame.event] : []))
    expect(ofQuery(NOTES.q)).toEqual(['ready', 'change'])
    expect(ofQuery(WINDOW.q)).toEqual(['snapshot', 'ready'])
    expect(ofQuery(USERS.q)).toEqual(['ready'])
    expect(running.edge.metrics().databaseQueries).toBe(2)
  })

  it('moves over within the process without a question', async () => {
    const first = opened(await openStream({ base: running.base, user: 'bob', queries: [NOTES, WINDOW] }))
    await first.until(() => first.query(NOTES.q).isReady && first.query(WINDOW.q).isReady && (first.lastEventId ?? '') !== '', 'an id')
    const asked = running.edge.metrics().databaseQueries
    const queries = [NOTES, WINDOW].map((query) => ({ ...query, ticket: first.query(query.q).ticket ?? '' }))
    const held = new Map([NOTES, WINDOW].map(({ q }) => [q, first.query(q)]))
    const second = opened(await openStream({ base: running.base, user: 'bob', queries, lastEventId: first.lastEventId ?? '', held }))
    await second.until(() => second.frames.filter(({ event }) => event === 'ready').length === 2, 'ready')
    expect(events(second)).toEqual(['ready', 'ready'])
    expect(running.edge.metrics().databaseQueries).toBe(asked)
    first.close()
    await note('after moving')
    await second.until(() => bodies(second).includes('after moving') && bodies(second, WINDOW).includes('after moving'), 'the next change')
    expect(events(second)).toEqual(['ready', 'ready', 'change', 'change'])
  })

  it('resumes with EventSource: by header and by parameter', async () => {
    const request = { base: running.base, user: 'bob', path: 'note/findMany', q: NOTES.args }
    const first = opened(await openGet(request))
    await first.until(() => (first.lastEventId ?? '') !== '', 'an id')
    first.close()
    await note('for EventSource')
    const held = new Map([[NOTES.q, first.query(NOTES.q)]])
    const second = opened(await openGet({ ...request, lastEventId: first.lastEventId ?? '', held }))
    await second.until(() => bodies(second).includes('for EventSource'), 'the change')
    expect(events(second)).not.toContain('snapshot')
  })

  it('goes on from a JSON read', async () => {
    const url = `${running.base}/note/findMany?q=${encodeURIComponent(JSON.stringify(NOTES.args))}`
    const response = await fetch(url, { headers: { accept: 'application/json', 'x-user': 'bob' } })
    const { data, position, ticket, resume } = (await response.json()) as Omit<JsonAnswer, 'data'> & { data: { body: string }[] }
    const streamed = opened(await openGet({ base: running.base, user: 'bob', path: 'note/findMany', q: NOTES.args }))
    await streamed.until(() => streamed.query(NOTES.q).isReady, 'the same as a stream')
    const { rows } = streamed.query(NOTES.q)
    expect(resume).toMatchObject({ shape: 'rows', keys: rows.map(({ key }) => key), sorts: rows.map(({ sort }) => sort) })
    await note('after the read')
    const byPost = opened(await openStream({ base: running.base, user: 'bob', queries: [{ ...NOTES, ticket }], lastEventId: position }))
    const byGet = opened(await openGet({ base: running.base, user: 'bob', path: 'note/findMany', q: NOTES.args, lastEventId: position }))
    for (const stream of [byPost, byGet]) {
      await stream.until(() => stream.text.includes('after the read'), 'the change')
      expect(events(stream)).not.toContain('snapshot')
      expect(stream.text).not.toContain(data[0]?.body)
    }
  })

  it('gets a snapshot where its position is forged, corrupt, foreign, or of another identity or query', async () => {
    const left = await leaveWith([NOTES])
    const [query] = left.queries
    const ticket = query?.ticket ?? ''
    const bad: [lastEventId: string, ticket: string][] = [
      ['nonsense', ticket],
      ['x'.repeat(300), ticket],
      [changed(left.lastEventId, 20), ticket],
      [changed(left.lastEventId, left.lastEventId.length - 3), ticket],
      [left.lastEventId, changed(ticket, 6)],
      [left.lastEventId, changed(ticket, ticket.length - 3)],
      [left.lastEventId, 'nonsense'],
      [left.lastEventId.replace('~1~', '~2~'), ticket],
    ]
    for (const [lastEventId, badTicket] of bad) {
      const stream = opened(await openStream({ base: running.base, user: 'bob', queries: [{ ...NOTES, ticket: badTicket }], lastEventId }))
      await stream.until(() => stream.query(NOTES.q).isReady, 'ready')
      expect(events(stream).slice(0, 3)).toEqual(['reset', 'snapshot', 'ready'])
    }
    // Another's position and ticket, and the own ones of another query, are worth nothing.
    const asCay = opened(await openStream({ base: running.base, user: 'cay', queries: [{ ...NOTES, ticket }], lastEventId: left.lastEventId }))
    await asCay.until(() => asCay.query(NOTES.q).isReady, 'ready')
    expect(events(asCay)).toEqual(['reset', 'snapshot', 'ready'])
    expect(asCay.text).not.toContain('first')
    const other = opened(await openStream({ base: running.base, user: 'bob', queries: [{ ...WINDOW, ticket }], lastEventId: left.lastEventId }))
    await other.until(() => other.query(WINDOW.q).isReady, 'ready')
    expect(events(other)).toEqual(['reset', 'snapshot', 'ready'])
    const byGet = opened(await openGet({ base: running.base, user: 'bob', path: 'note/findMany', q: NOTES.args, lastEventId: left.lastEventId }))
    await byGet.until(() => byGet.query(NOTES.q).isReady, 'ready')
    expect(events(byGet)).toEqual(['reset', 'snapshot', 'ready'])
  })

  it('gets a snapshot where the log has let go of what it missed', async () => {
    const left = await leaveWith([NOTES])
    for (let index = 0; index < 5; index++) await note(`old ${index}`)
    await running.caughtUp()
    await running.restart({ limits: { ringEntries: 2 } })
    const back = opened(await openStream({ base: running.base, user: 'bob', ...left }))
    await back.until(() => bodies(back).includes('old 4'), 'what it missed, read from the log')
    expect(events(back)).not.toContain('snapshot')
    await running.restart({ limits: { ringEntries: 2, maxReplayEntries: 2, logReadCount: 2 } })
    const late = opened(await openStream({ base: running.base, user: 'bob', ...left, held: new Map() }))
    await late.until(() => bodies(late).includes('old 4'), 'a snapshot')
    expect(events(late).slice(0, 3)).toEqual(['reset', 'snapshot', 'ready'])
    await running.restart({ limits: {} })
  })
})
