import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { setUpCapture, startCapture } from '@zenstack-live/cdc'
import { openEmbeddedLog } from '@zenstack-live/change-log'
import { createEdge, createHonoLiveHandler, type Edge } from '@zenstack-live/edge'
import { openPool, startPostgres } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { Hono } from 'hono'
import { logSink } from '../log-sink.ts'
import { portOf } from '../live/serve-edge.ts'

const TABLES = ['User', 'Space', 'Member', 'Task', 'Comment', 'Note'].map((name) => ({ schema: 'public', name }))

/** Some benchmarks are one person with a thousand streams. */
const ONE_PERSON = { maxConnectionsPerIdentity: 10_000 }

/** Postgres, capture, an embedded log and one edge in this process; readers run elsewhere. */
export interface LoadStage {
  readonly edge: Edge
  /** Of the database. */
  readonly url: string
  readonly base: string
  sql(text: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>
  /** What the edge asked the database while this ran. */
  questionsDuring(run: () => Promise<unknown>): Promise<number>
  close(): Promise<void>
}

export async function openLoadStage(): Promise<LoadStage> {
  const postgres = await startPostgres()
  const url = await postgres.createDatabase()
  const pool = openPool({ connectionString: url, max: 10 })
  const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
  await db.$pushSchema()
  const bound = db.$use(new PolicyPlugin())
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-load-'))
  const log = await openEmbeddedLog({ directory })
  await setUpCapture({ url, tables: TABLES })
  const capture = startCapture({ url, tables: TABLES, sink: logSink(log) })
  await capture.caughtUp()
  const edge = await createEdge({ schema, log, database: { url }, secret: 'a secret that only the benchmark knows', limits: ONE_PERSON })
  const app = new Hono()
  const getClient = (c: { req: { header(name: string): string | undefined } }) => bound.$setAuth({ id: c.req.header('x-user') ?? '', role: 'MEMBER' })
  app.use('/api/live/*', createHonoLiveHandler({ live: { edge: async () => edge }, getClient }))
  const server = createServer(getRequestListener(app.fetch))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    edge,
    url,
    base: `http://127.0.0.1:${portOf(server)}/api/live`,
    sql: async (text, parameters = []) => (await pool.query<Record<string, unknown>>(text, parameters)).rows,
    async questionsDuring(run) {
      const before = edge.metrics().databaseQueries
      await run()
      return edge.metrics().databaseQueries - before
    },
    async close() {
      await edge.close()
      server.closeAllConnections()
      server.close()
      await capture.close()
      await log.close()
      await pool.end()
      await postgres.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Spaces s0…, users u0…; each user a member of some spaces, each space with tasks. */
export async function fillStage(
  { sql }: LoadStage,
  size: { users: number; spaces: number; spacesPerUser: number; tasksPerSpace: number },
): Promise<void> {
  const { users, spaces, spacesPerUser, tasksPerSpace } = size
  await sql(`INSERT INTO "User" (id, name) SELECT 'u' || n, 'User ' || n FROM generate_series(0, $1::int - 1) n`, [users])
  await sql(`INSERT INTO "Space" (id, name) SELECT 's' || n, 'Space ' || n FROM generate_series(0, $1::int - 1) n`, [spaces])
  await sql(
    `INSERT INTO "Member" ("spaceId", "userId") SELECT 's' || ((n + k * 7) % $2::int), 'u' || n
     FROM generate_series(0, $1::int - 1) n, generate_series(0, $3::int - 1) k ON CONFLICT DO NOTHING`,
    [users, spaces, spacesPerUser],
  )
  await sql(
    `INSERT INTO "Task" (id, "spaceId", title, "ownerId") SELECT 't' || n || '-' || k, 's' || n, 'Task', 'nobody'
     FROM generate_series(0, $1::int - 1) n, generate_series(0, $2::int - 1) k`,
    [spaces, tasksPerSpace],
  )
}
