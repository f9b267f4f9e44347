import { createDatabase } from '@zenstack-live/testing'
import { loadSchema } from '@zenstack-live/testing/oracle'
import type { LiveClient } from '@zenstack-live/edge'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
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

/** Each test forces one interleaving: the edge gets the log, and knows who is there, only when the test lets it. */
describe('a reader that is held while the log catches up with what it was shown', () => {
  let pool: pg.Pool
  let running: RunningEdge
  let isLogFree: Promise<void> = Promise.resolve()
  let isKnown: Promise<void> = Promise.resolve()
  let letGo: (() => void)[] = []
  const streams: TestStream[] = []

  const sql = async (text: string): Promise<Record<string, unknown>[]> => (await pool.query<Record<string, unknown>>(text)).rows
  const held = (): Promise<void> => new Promise((resolve) => letGo.push(resolve))
  const open = async (query: typeof TASKS): Promise<TestStream> => {
    const stream = await openStream({ base: running.base, user: 'bob', queries: [query] })
    streams.push(stream)
    await stream.until(() => stream.query(query.q).isReady, 'ready', 30_000)
    return stream
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
    const [letLogGo, letKnow] = letGo.splice(0)
    letLogGo?.()
    await expect.poll(transactions, { timeout: 30_000 }).toBeGreaterThan(before.transactions)
    expect(settled()).toBe(before.settled)
    letKnow?.()
    await expect.poll(settled, { timeout: 30_000 }).toBeGreaterThan(before.settled)
    return stream
  }

  beforeAll(async () => {
    const schema = await loadSchema(ZMODEL)
    const url = await createDatabase(inject('postgresUrl'))
    pool = new pg.Pool({ connectionString: url })
    pool.on('error', () => {})
    const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) } as never)
    await db.$pushSchema()
    const client = db.$use(new PolicyPlugin()).$setAuth({ id: 'bob' }) as unknown as LiveClient
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
    await pool.end()
  })

  it('is told of rows that it came to see by a membership which the log had not told of', async () => {
    const stream = await showBeforeLog(`INSERT INTO "Member" VALUES ('roof', 'bob')`)
    expect(titles(stream)).toEqual(['dig', 'climb'])
    await sql(`UPDATE "Task" SET title = 'jump' WHERE id = 'b'`)
    await stream.until(() => titles(stream)[1] === 'jump', 'the update', 10_000)
  })

  it('is told of rows that it comes to see when memberships were forgotten meanwhile', async () => {
    const stream = await showBeforeLog('TRUNCATE "Member"')
    expect(titles(stream)).toEqual([])
    await sql(`INSERT INTO "Member" VALUES ('garden', 'bob')`)
    await stream.until(() => titles(stream)[0] === 'dig', 'the row', 10_000)
  })
})
