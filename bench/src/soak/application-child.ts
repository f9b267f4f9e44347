import { serve } from '@hono/node-server'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { Hono, type Context } from 'hono'
import pg from 'pg'
import { ZenStackLive } from 'zenstack-live'
import { createHonoLiveHandler } from 'zenstack-live/hono'
import { collectGarbage } from '../collect-garbage.ts'
import { say, serveCommands } from '../fan-out/servers/serve-commands.ts'
import { countAlive } from './count-alive.ts'

// The application as its README has it, capture and edge in one process, which tells what it holds.

export interface ApplicationSettings {
  databaseUrl: string
  redisUrl: string
}

/** What the process holds after a garbage collection. */
export interface Holdings {
  heapBytes: number
  /** Outside the heap: buffers. */
  externalBytes: number
  rssBytes: number
  /** Whether or not they keep the process alive. */
  timers: number
  sockets: number
  /** What keeps the process alive, by kind: `process.getActiveResourcesInfo()`. */
  resources: Record<string, number>
  streams: number
  queries: number
  opened: number
  requeries: number
  revocations: number
  schemaRenewals: number
}

// Written by the benchmark that starts this program.
const settings = JSON.parse(process.env['BENCH_SOAK'] ?? '{}') as ApplicationSettings

const alive = countAlive()
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 2, application_name: 'soak' })
pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}))
const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin())
const live = new ZenStackLive({
  client,
  redis: { url: settings.redisUrl },
  database: { url: settings.databaseUrl },
  setUp: true,
  // Everything that takes an hour by itself comes around many times. A short memory of changes is full soon, and then stays as large.
  limits: { maxConnectionAgeMs: 120_000, identityMaxAgeMs: 10_000, heartbeatIntervalMs: 5_000, ringEntries: 200 },
  logger: { info: () => {}, warn: () => {}, error: (message, facts) => console.error(message, facts) },
})
await live.ready()
const edge = await live.edge()

const app = new Hono()
app.use(
  '/api/live/*',
  createHonoLiveHandler({ live, getClient: (c: Context) => client.$setAuth({ id: c.req.header('x-user') ?? '', role: 'MEMBER' }) }),
)
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => say(`port ${port}`))
serveCommands({
  memory: () => say(`memory ${JSON.stringify(holdings())}`),
  readers: () => say(`readers ${edge.metrics().connectionsNow}`),
  stop: () => live.close(),
})

function holdings(): Holdings {
  collectGarbage()
  const { heapUsed, external, rss } = process.memoryUsage()
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  const { connectionsNow, connectionsOpened, queriesNow, requeries, revocationSeconds, schemaRenewals } = edge.metrics()
  return {
    heapBytes: heapUsed,
    externalBytes: external,
    rssBytes: rss,
    timers: alive('Timeout'),
    sockets: alive('TCPWRAP'),
    resources,
    streams: connectionsNow,
    queries: queriesNow.incremental + queriesNow.requery,
    opened: connectionsOpened,
    requeries,
    revocations: revocationSeconds.counts.reduce((sum, count) => sum + count, 0),
    schemaRenewals,
  }
}
