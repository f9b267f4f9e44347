import type { EdgeOptions, LiveClient } from '@zenstack-live/edge'
import { CHANGES_SEGMENT } from '@zenstack-live/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openPoliciedDatabase, type PoliciedDatabase } from './support/policied-database.ts'
import { openGet, openStream, wire, type StreamRequest, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'

const ZMODEL = `
model User {
  id String @id
  role String
  @@auth
  @@allow('all', true)
}
model Paper {
  id String @id
  title String
  @@allow('read', auth().role == 'MANAGER')
}`
const PAPERS = wire('Paper', 'findMany', { orderBy: { id: 'asc' } })
const COUNT = wire('Paper', 'count')
const CHANGES = wire('Paper', CHANGES_SEGMENT)
const ALL = [PAPERS, COUNT, CHANGES]

/** What policies make of people is read from the database, and what the log has yet to tell may be of before. */
describe('while the log is behind the database', () => {
  let database: PoliciedDatabase
  let running: RunningEdge
  let isLogFree: Promise<void> = Promise.resolve()
  let letLogGo = (): void => {}
  let writesItself = false
  let logged: string[] = []
  const streams: TestStream[] = []
  const sql: PoliciedDatabase['sql'] = (...asked) => database.sql(...asked)
  const note = (...entry: unknown[]): void => void logged.push(JSON.stringify(entry))

  beforeAll(async () => {
    database = await openPoliciedDatabase(ZMODEL)
    const { schema, url, bound } = database
    const getClient = async (user: string): Promise<LiveClient> => {
      if (writesItself) await sql(`UPDATE "User" SET role = role WHERE id = '${user}'`)
      const [row] = await sql(`SELECT id, role FROM "User" WHERE id = '${user}'`)
      return bound.$setAuth(row)
    }
    const options: Partial<EdgeOptions> = { schema, logger: { warn: note, error: note } }
    running = await startEdge(
      { url, sql, as: getClient as never },
      {
        ...options,
        tables: ['User', 'Paper'],
        getClient: (c) => getClient(c.req.header('x-user') ?? ''),
        holdLog: () => isLogFree,
      },
    )
  })
  beforeEach(async () => {
    await sql(`TRUNCATE "User", "Paper"`)
    await sql(`INSERT INTO "User" VALUES ('ann', 'MANAGER'), ('bob', 'MEMBER')`)
    await sql(`INSERT INTO "Paper" VALUES ('a', 'first')`)
    await running.caughtUp()
    // It remembers nothing of anybody.
    await running.restart()
  })
  afterEach(() => {
    letLogGo()
    for (const stream of streams.splice(0)) stream.close()
    logged = []
    writesItself = false
  })
  afterAll(async () => {
    await running.close()
    await database.close()
  })

  const opened = async (request: Omit<StreamRequest, 'base'>): Promise<TestStream> => {
    const stream = await openStream({ base: running.base, ...request })
    streams.push(stream)
    return stream
  }
  const ready = async (stream: TestStream, timeoutMs?: number): Promise<void> =>
    stream.until(() => ALL.every(({ q }) => stream.query(q).isReady) && stream.lastEventId !== undefined, 'ready', timeoutMs)
  const holdLog = async (): Promise<void> => {
    await running.caughtUp()
    isLogFree = new Promise((resolve) => (letLogGo = resolve))
    await sql(`UPDATE "Paper" SET title = 'held back' WHERE id = 'a'`)
  }
  const refused = (): number => running.edge.metrics().refusals['log_unavailable'] ?? 0

  it('goes on from a position when the log has come to where whose it is became who they are', async () => {
    const first = await opened({ user: 'ann', queries: ALL })
    await ready(first)
    const { lastEventId = '' } = first
    const queries = ALL.map((query) => ({ ...query, ticket: first.query(query.q).ticket ?? '' }))
    first.close()
    await holdLog()
    const second = await opened({ user: 'ann', queries, lastEventId })
    await sql('SELECT pg_sleep(0.3)')
    expect(second.frames).toEqual([])
    letLogGo()
    await ready(second)
    expect(
      second.frames
        .map(({ event }) => event)
        .filter((event) => event !== 'ready')
        .sort(),
    ).toEqual(['change', 'changes', 'snapshot'])
    expect(second.text).not.toContain('reset')
  })

  it('is answered at once, and sent away as a whole when the log does not come', async () => {
    await running.restart({ limits: { databaseTimeoutMs: 1_000 } })
    await holdLog()
    const stream = await opened({ user: 'ann', queries: ALL })
    const { connectionsNow, questionsWaitingNow } = running.edge.metrics()
    expect([stream.frames, connectionsNow, questionsWaitingNow]).toEqual([[], 1, ALL.length])
    await stream.until(() => stream.isEnded, 'the end')
    expect(stream.frames.map(({ event }) => event)).toEqual(['bye'])
    const single = await openGet({ base: running.base, user: 'ann', path: 'paper/findMany' })
    await single.until(() => single.isEnded, 'the end')
    expect(single.text).toMatch(/^retry: \d+\n\nevent: bye\ndata: \{"reason":"overloaded"\}/m)
    expect([refused(), logged.filter((line) => line.includes('log_unavailable')).length]).toEqual([2, 2])
  })

  it('lets nobody wait, when the edge drains', async () => {
    await holdLog()
    const stream = await opened({ user: 'ann', queries: ALL })
    await running.edge.drain()
    await stream.until(() => stream.isEnded, 'the end', 5_000)
    expect(stream.frames.map(({ event }) => event)).toEqual(['bye'])
  })

  it('is not shown what others hold from before they became like them', async () => {
    const others = await opened({ user: 'ann', queries: ALL })
    await ready(others)
    await holdLog()
    await sql(`UPDATE "User" SET role = 'MANAGER' WHERE id = 'bob'`)
    const stream = await opened({ user: 'bob', queries: ALL })
    await sql('SELECT pg_sleep(0.3)')
    expect(stream.frames).toEqual([])
    letLogGo()
    await ready(stream)
    expect(stream.text).toContain('held back')
    expect(stream.text).not.toContain('first')
  })

  it('cannot be gone on with by who became like them since', async () => {
    const others = await opened({ user: 'ann', queries: ALL })
    await ready(others)
    const { lastEventId = '' } = others
    await sql(`UPDATE "Paper" SET title = 'in between' WHERE id = 'a'`)
    await others.until(() => others.text.includes('in between'), 'what is in between')
    const queries = ALL.map((query) => ({ ...query, ticket: others.query(query.q).ticket ?? '' }))
    await holdLog()
    await sql(`UPDATE "User" SET role = 'MANAGER' WHERE id = 'bob'`)
    const stream = await opened({ user: 'bob', queries, lastEventId })
    await sql('SELECT pg_sleep(0.3)')
    letLogGo()
    await ready(stream)
    expect(stream.text).toContain('held back')
    expect(stream.text).not.toContain('in between')
  })

  it('asks no longer than identityTimeoutMs for somebody who is another because they were asked for', async () => {
    await running.restart({ limits: { identityTimeoutMs: 1_000, identityMaxAgeMs: 1_000 } })
    writesItself = true
    const read = await fetch(`${running.base}/paper/findMany`, { headers: { accept: 'application/json', 'x-user': 'ann' } })
    expect([read.status, await read.json()]).toMatchObject([503, { error: { code: 'overloaded' } }])
    const stream = await opened({ user: 'ann', queries: ALL })
    await stream.until(() => stream.isEnded, 'the end')
    expect(stream.frames.map(({ event }) => event)).toEqual(['bye'])
    expect(logged.at(-1)).toMatch(/overloaded.*getClient/)
  })
})
