import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { setUpCapture, startCapture, type Capture } from '@zenstack-live/cdc'
import { openEmbeddedLog, type ChangeLog } from '@zenstack-live/change-log'
import { createEdge, createHonoLiveHandler, type Edge, type EdgeOptions } from '@zenstack-live/edge'
import { startPostgres } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { Hono } from 'hono'
import pg from 'pg'
import { logSink } from '../log-sink.ts'

export const USERS = ['ann', 'bob', 'cay'] as const
export type UserId = (typeof USERS)[number]

const TABLES = ['User', 'Space', 'Member', 'Task', 'Comment', 'Note'].map((name) => ({ schema: 'public', name }))
const EDGES = 2

/** Postgres, capture, log, and two edges on one log: everything on the way but the browser. */
export interface LiveWorld {
  readonly db: ReturnType<typeof plainClient>
  sql(text: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>
  /** The client as the application's `getClient` would give it now: the role is the database's. */
  clientOf(user: UserId): Promise<ReturnType<typeof boundClient>>
  /** Base of an edge's live routes. */
  base(edge: number): string
  readonly edges: readonly Edge[]
  /** Ends all connections of an edge, as a broken network does. */
  cut(edge: number): void
  /** Ends an edge and starts another in its place, on the same port. */
  restart(edge: number): Promise<void>
  caughtUp(): Promise<void>
  close(): Promise<void>
}

export async function openLiveWorld(edgeOptions: Partial<EdgeOptions> = {}): Promise<LiveWorld> {
  const postgres = await startPostgres()
  const url = await postgres.createDatabase()
  const pool = new pg.Pool({ connectionString: url, max: 20 })
  pool.on('error', () => {})
  const db = plainClient(pool)
  await db.$pushSchema()
  const bound = boundClient(db)
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-fuzz-'))
  const log: ChangeLog = await openEmbeddedLog({ directory })
  await setUpCapture({ url, tables: TABLES })
  const capture: Capture = startCapture({ url, tables: TABLES, sink: logSink(log) })
  await capture.caughtUp()

  const clientOf = async (user: UserId) => {
    const row = await db.user.findUnique({ where: { id: user } })
    return bound.$setAuth({ id: user, role: row?.role ?? 'MEMBER' })
  }
  const make = (): Promise<Edge> =>
    createEdge({ schema, log, database: { url }, secret: 'the secret of the fuzzer, shared by its edges', ...edgeOptions })
  const edges = await Promise.all(Array.from({ length: EDGES }, make))
  const servers = await Promise.all(edges.map((_, index) => serveEdge(() => edges[index], clientOf)))

  return {
    db,
    sql: async (text, parameters = []) => (await pool.query<Record<string, unknown>>(text, parameters)).rows,
    clientOf,
    base: (edge) => `http://127.0.0.1:${portOf(servers[edge])}/api/live`,
    edges,
    cut: (edge) => servers[edge]?.closeAllConnections(),
    async restart(edge) {
      const old = edges[edge]
      edges[edge] = await make()
      servers[edge]?.closeAllConnections()
      await old?.close()
    },
    caughtUp: () => capture.caughtUp(),
    async close() {
      for (const edge of edges) await edge.close()
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
      await capture.close()
      await log.close()
      await pool.end()
      await postgres.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function serveEdge(edge: () => Edge | undefined, clientOf: (user: UserId) => Promise<unknown>): Promise<Server> {
  const app = new Hono()
  const live = {
    async edge(): Promise<Edge> {
      const present = edge()
      if (present === undefined) throw new Error('There is no edge.')
      return present
    },
  }
  const getClient = (c: { req: { header(name: string): string | undefined } }) => clientOf((c.req.header('x-user') ?? 'cay') as UserId)
  app.use('/api/live/*', createHonoLiveHandler({ live, getClient: getClient as Parameters<typeof createHonoLiveHandler>[0]['getClient'] }))
  const server = createServer(getRequestListener(app.fetch))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function portOf(server: Server | undefined): number {
  const address = server?.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function plainClient(pool: pg.Pool) {
  return new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
}

function boundClient(db: ReturnType<typeof plainClient>) {
  return db.$use(new PolicyPlugin())
}
