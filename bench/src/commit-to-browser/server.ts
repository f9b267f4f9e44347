import { serve } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { Hono, type Context } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import pg from 'pg'
import { ZenStackLive } from 'zenstack-live'
import { createHonoLiveHandler } from 'zenstack-live/hono'
import { say, serveCommands } from '../fan-out/servers/serve-commands.ts'

// The application as its README has it: capture, edge and page in one process.

export interface ServerSettings {
  databaseUrl: string
  redisUrl: string
  page: string
}

// Written by the benchmark that starts this program.
const settings = JSON.parse(process.env['BENCH_SERVER'] ?? '{}') as ServerSettings

const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 2 })
pool.on('error', () => {})
const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin())
const live = new ZenStackLive({ client, redis: { url: settings.redisUrl }, database: { url: settings.databaseUrl }, setUp: true })
await live.ready()

const app = new Hono()
// A page that is isolated from other origins has a clock of 5 µs; others get 100 µs.
app.use('*', secureHeaders({ crossOriginEmbedderPolicy: true }))
app.use(
  '/api/live/*',
  createHonoLiveHandler({ live, getClient: (c: Context) => client.$setAuth({ id: c.req.header('x-user') ?? '', role: 'MEMBER' }) }),
)
app.use('*', serveStatic({ root: settings.page }))
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => say(`port ${port}`))
serveCommands({ stop: () => live.close() })
