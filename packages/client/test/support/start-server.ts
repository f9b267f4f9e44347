import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve, type ServerType } from '@hono/node-server'
import { FIRST_ENTRY_ID } from '@zenstack-live/protocol'
import { createDatabase, freePort } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { RPCApiHandler } from '@zenstackhq/server/api'
import { createHonoHandler } from '@zenstackhq/server/hono'
import { Hono, type Context } from 'hono'
import pg from 'pg'
import { ZenStackLive, type ZenStackLiveOptions } from 'zenstack-live'
import { commitPosition, createHonoLiveHandler } from 'zenstack-live/hono'

/** An app as a user would build it: ZenStack's own handler, and the live one beside it. */
export interface TestServer {
  readonly origin: string
  /** Past the policies. */
  readonly db: ReturnType<typeof openClient>
  sql(text: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>
  /** What this user's policy-bound client sees. */
  as(userId: string): ReturnType<typeof openClient>
  /** Asks `getClient` again for whoever has streams of this user. */
  refreshIdentity(userId: string): void
  /** All that the change log says of rows. */
  logged(): Promise<string[]>
  /** Ends every connection and the edge, and brings both back on the same port, log and database. */
  restart(): Promise<void>
  close(): Promise<void>
}

export async function startServer(
  postgresUrl: string,
  options: Partial<ZenStackLiveOptions> & {
    /** What the application has beside the models, made once its database is there. */
    addTo?: (databaseUrl: string) => Promise<Partial<ZenStackLiveOptions>>
  } = {},
): Promise<TestServer> {
  const { addTo, ...given } = options
  const url = await createDatabase(postgresUrl)
  const added = await addTo?.(url)
  const pool = new pg.Pool({ connectionString: url, max: 10 })
  pool.on('error', () => {})
  const db = openClient(pool)
  await db.$pushSchema()
  await seed(db)
  const bound = db.$use(new PolicyPlugin())
  const as = (userId: string): ReturnType<typeof openClient> => bound.$setAuth({ id: userId, role: userId === 'ann' ? 'MANAGER' : 'MEMBER' })
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-client-'))
  const getClient = async (c: Context): Promise<ReturnType<typeof openClient>> => as(c.req.header('x-user') ?? 'nobody')
  let live: ZenStackLive
  let server: ServerType
  const slot = `client_${directory
    .slice(-6)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '_')}`
  const start = async (port: number): Promise<number> => {
    const names = { slot, publication: slot, secret: 'known to the tests alone' }
    live = new ZenStackLive({ client: bound, database: { url }, directory, setUp: true, ...names, ...given, ...added })
    await live.ready()
    const app = new Hono()
    app.use('/api/live/*', createHonoLiveHandler({ live, getClient }))
    app.use('/api/model/*', commitPosition(live), createHonoHandler({ apiHandler: new RPCApiHandler({ schema }), getClient }))
    return new Promise((resolve) => {
      server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, (info) => resolve(info.port))
    })
  }
  const stop = async (): Promise<void> => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await live.close()
  }
  // It comes back on the same one.
  const port = await start(await freePort())
  return {
    origin: `http://127.0.0.1:${port}`,
    db,
    as,
    sql: async (text, parameters = []) => (await pool.query<Record<string, unknown>>(text, parameters)).rows,
    refreshIdentity: (userId) => live.refreshIdentity(userId),
    async logged() {
      const entries = await (await live.log()).read(FIRST_ENTRY_ID)
      return entries.flatMap((entry) => (entry.kind === 'change' ? [entry.value] : []))
    },
    async restart() {
      await stop()
      await start(port)
    },
    async close() {
      await stop()
      await pool.end()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Ann manages, Bob is a member of the garden, Cay is nowhere. */
async function seed(db: ReturnType<typeof openClient>): Promise<void> {
  await db.user.createMany({
    data: [
      { id: 'ann', name: 'Ann', role: 'MANAGER' },
      { id: 'bob', name: 'Bob' },
      { id: 'cay', name: 'Cay' },
    ],
  })
  await db.space.createMany({
    data: [
      { id: 'garden', name: 'Garden' },
      { id: 'roof', name: 'Roof' },
    ],
  })
  await db.member.createMany({
    data: [
      { spaceId: 'garden', userId: 'ann', role: 'MANAGER' },
      { spaceId: 'garden', userId: 'bob' },
    ],
  })
}

// Its type is long and says nothing that the schema does not.
// oxlint-disable-next-line typescript/explicit-function-return-type
function openClient(pool: pg.Pool) {
  return new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
}
