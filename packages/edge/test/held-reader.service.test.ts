import type { LiveClient } from '@zenstack-live/edge'
import { CHANGES_SEGMENT, type WireQuery } from '@zenstack-live/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openPoliciedDatabase, type PoliciedDatabase } from './support/policied-database.ts'
import { openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'

/** Policies read nothing of a user but who it is: then an answer may be ahead of the log. */
const ZMODEL = `
model User {
  id String @id
  members Member[]
  @@auth
}
model Space {
  id String @id
  members Member[]
  tasks Task[]
  @@allow('read', members?[user == auth()])
}
model Member {
  spaceId String
  space Space @relation(fields: [spaceId], references: [id])
  userId String
  user User @relation(fields: [userId], references: [id])
  @@id([spaceId, userId])
}
model Task {
  id String @id
  spaceId String
  space Space @relation(fields: [spaceId], references: [id])
  title String
  @@allow('read', space.members?[user == auth()])
}`
// Both are decided by the same memberships.
const SPACES = wire('Space', 'findMany')
const TASKS = wire('Task', 'findMany', { orderBy: { id: 'asc' } })
const CHANGES = wire('Task', CHANGES_SEGMENT)

/** Each test forces one interleaving: the edge gets the log, and knows who is there, only when the test lets it. */
describe('a reader that meets a log which is behind what it was shown', () => {
  let database: PoliciedDatabase
  let running: RunningEdge
  let isLogFree: Promise<void> = Promise.resolve()
  let isKnown: Promise<void> = Promise.resolve()
  let letGo: (() => void)[] = []
  const streams: TestStream[] = []

  const sql: PoliciedDatabase['sql'] = (...asked) => database.sql(...asked)
  const held = (): Promise<void> => new Promise((resolve) => letGo.push(resolve))
  const connect = async (query: WireQuery, resume: { lastEventId?: string; ticket?: string } = {}): Promise<TestStream> => {
    const { lastEventId, ticket } = resume
    const queries = [{ ...query, ...(ticket === undefined ? {} : { ticket }) }]
    const stream = await openStream({ base: running.base, user: 'bob', queries, ...(lastEventId === undefined ? {} : { lastEventId }) })
    streams.push(stream)
    return stream
  }
  const open = async (query: typeof TASKS): Promise<TestStream> => {
    const stream = await connect(query)
    await stream.until(() => stream.query(query.q).isReady, 'ready', 30_000)
    return stream
  }
  /** Where a stream that shows the tasks can go on: it was the last one, so nothing of it is left. */
  const leave = async (): Promise<{ lastEventId: string; ticket: string }> => {
    const stream = await open(TASKS)
    await stream.until(() => (stream.lastEventId ?? '') !== '', 'an id', 30_000)
    const { lastEventId = '' } = stream
    const { ticket = '' } = stream.query(TASKS.q)
    stream.close()
    await expect.poll(() => running.edge.metrics().connectionsNow, { timeout: 30_000 }).toBe(0)
    await running.caughtUp()
    return { lastEventId, ticket }
  }
  const titles = (stream: TestStream): unknown[] => stream.query(TASKS.q).rows.map(({ row }) => row['title'])
  const transactions = (): number => running.edge.metrics().transactions
  /** How often a stream that was held went on. */
  const settled = (): number => running.edge.metrics().revocationSeconds.counts.reduce((sum, count) => sum + count, 0)

  /** Writes while the edge does not get the log, opens a stream that shows it, holds that, and only then lets the log go. */
  const showBeforeLog = async (change: string): Promise<TestStream> => {
    // Loads the memberships.
    const other = await open(SPACES)
    await running.caughtUp()
    isLogFree = held()
    await sql(change)
    const stream = await open(TASKS)
    other.close()
    await expect.poll(() => running.edge.metrics().connectionsNow, { timeout: 30_000 }).toBe(1)
    isKnown = held()
    running.edge.refreshIdentity('bob')
    const before = { transactions: transactions(), settled: settled() }
    const [letLogGo, letKnow] = letGo
    letLogGo?.()
    await expect.poll(transactions, { timeout: 30_000 }).toBeGreaterThan(before.transactions)
    expect(settled()).toBe(before.settled)
    letKnow?.()
    await expect.poll(settled, { timeout: 30_000 }).toBeGreaterThan(before.settled)
    return stream
  }

  beforeAll(async () => {
    database = await openPoliciedDatabase(ZMODEL)
    const { schema, url, bound } = database
    const client = bound.$setAuth({ id: 'bob' }) as unknown as LiveClient
    running = await startEdge(
      { url, sql, as: () => client as never },
      {
        schema,
        tables: ['User', 'Space', 'Member', 'Task'],
        holdLog: () => isLogFree,
        async getClient() {
          await isKnown
          return client
        },
      },
    )
  })
  beforeEach(async () => {
    await sql('TRUNCATE "Member", "Task", "Space", "User"')
    await sql(`INSERT INTO "User" VALUES ('bob')`)
    await sql(`INSERT INTO "Space" VALUES ('garden'), ('roof')`)
    await sql(`INSERT INTO "Member" VALUES ('garden', 'bob')`)
    await sql(`INSERT INTO "Task" VALUES ('a', 'garden', 'dig'), ('b', 'roof', 'climb')`)
  })
  afterEach(() => {
    for (const go of letGo.splice(0)) go()
    for (const stream of streams.splice(0)) stream.close()
  })
  afterAll(async () => {
    await running.close()
    await database.close()
  })

  it('is told of rows that it came to see by a membership which the log had not told of', async () => {
    const stream = await showBeforeLog(`INSERT INTO "Member" VALUES ('roof', 'bob')`)
    expect(titles(stream)).toEqual(['dig', 'climb'])
    await sql(`UPDATE "Task" SET title = 'jump' WHERE id = 'b'`)
    await stream.until(() => titles(stream)[1] === 'jump', 'the update')
  })

  it('is told of them also where the same transaction emptied the table', async () => {
    const stream = await showBeforeLog(
      `BEGIN; TRUNCATE "Task"; INSERT INTO "Member" VALUES ('roof', 'bob'); INSERT INTO "Task" VALUES ('b', 'roof', 'climb'); COMMIT`,
    )
    expect(titles(stream)).toEqual(['climb'])
    await sql(`UPDATE "Task" SET title = 'jump' WHERE id = 'b'`)
    await stream.until(() => titles(stream)[0] === 'jump', 'the update')
  })

  it('is told of rows that it comes to see when memberships were forgotten meanwhile', async () => {
    const stream = await showBeforeLog('TRUNCATE "Member"')
    expect(titles(stream)).toEqual([])
    await sql(`INSERT INTO "Member" VALUES ('garden', 'bob')`)
    await stream.until(() => titles(stream)[0] === 'dig', 'the row')
  })

  it('loses rows that came while it went on, and went while it was held', async () => {
    const place = await leave()
    isLogFree = held()
    await sql(`INSERT INTO "Task" VALUES ('c', 'garden', 'rake')`)
    const { rowsDecided } = running.edge.metrics()
    const stream = await connect(TASKS, place)
    isKnown = held()
    running.edge.refreshIdentity('bob')
    const [letLogGo, letKnow] = letGo
    letLogGo?.()
    await expect.poll(() => running.edge.metrics().rowsDecided, { timeout: 30_000 }).toBeGreaterThan(rowsDecided)
    const before = transactions()
    await sql(`DELETE FROM "Task" WHERE id = 'c'`)
    await expect.poll(transactions, { timeout: 30_000 }).toBeGreaterThan(before)
    letKnow?.()
    await sql(`UPDATE "Task" SET title = 'last' WHERE id = 'a'`)
    await stream.until(() => stream.text.includes('last'), 'the update')
    expect(stream.text).toContain('rake')
    expect(titles(stream)).not.toContain('rake')
  })

  it.each([
    { change: `INSERT INTO "Member" VALUES ('roof', 'bob')`, shown: ['dig', 'climb'] },
    { change: 'DELETE FROM "Member"', shown: [] },
  ])('goes on with the memberships that the log knows of, and is told of the next: $change', async ({ change, shown }) => {
    const place = await leave()
    isLogFree = held()
    await sql(change)
    const { resumes } = running.edge.metrics()
    const stream = await connect(TASKS, place)
    await expect.poll(() => running.edge.metrics().resumes, { timeout: 30_000 }).toBeGreaterThan(resumes)
    // Time enough to read them.
    for (let turn = 0; turn < 300; turn++) await sql('SELECT 1')
    for (const go of letGo.splice(0)) go()
    const given = (): unknown => stream.frames.findLast((frame) => frame.event === 'snapshot')?.event
    await stream.until(() => given() !== undefined && stream.query(TASKS.q).isReady, 'the whole')
    expect(titles(stream)).toEqual(shown)
  })

  it('is not told in $changes what a row was before it came to belong there', async () => {
    isLogFree = held()
    await sql(`UPDATE "Task" SET title = 'secret' WHERE id = 'b'`)
    await sql(`UPDATE "Task" SET title = 'public' WHERE id = 'b'`)
    await sql(`INSERT INTO "Member" VALUES ('roof', 'bob')`)
    const stream = await connect(CHANGES)
    for (let turn = 0; turn < 300; turn++) await sql('SELECT 1')
    for (const go of letGo.splice(0)) go()
    await stream.until(() => stream.query(CHANGES.q).isReady, 'ready', 30_000)
    await running.caughtUp()
    await sql(`UPDATE "Task" SET title = 'last' WHERE id = 'b'`)
    await stream.until(() => stream.text.includes('last'), 'the update')
    expect(stream.text).not.toContain('secret')
  })

  it('concerns nobody when it leaves before it is answered', async () => {
    const locking = await database.pool.connect()
    await locking.query('BEGIN; LOCK TABLE "Task" IN ACCESS EXCLUSIVE MODE')
    try {
      const asked = running.edge.metrics().databaseQueries
      const stream = await connect(TASKS)
      await expect.poll(() => running.edge.metrics().databaseQueries, { timeout: 30_000 }).toBeGreaterThan(asked)
      stream.close()
      await expect.poll(() => running.edge.metrics().connectionsNow, { timeout: 30_000 }).toBe(0)
    } finally {
      await locking.query('ROLLBACK')
      locking.release()
    }
    await expect.poll(() => running.edge.metrics().questionsWaitingNow, { timeout: 30_000 }).toBe(0)
    for (let turn = 0; turn < 300; turn++) await sql('SELECT 1')
    const { queriesConcerned } = running.edge.metrics()
    const before = transactions()
    await sql(`UPDATE "Task" SET title = 'last' WHERE id = 'a'`)
    await expect.poll(transactions, { timeout: 30_000 }).toBeGreaterThan(before)
    expect(running.edge.metrics().queriesConcerned).toBe(queriesConcerned)
  })
})
