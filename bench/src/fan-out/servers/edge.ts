import cluster, { type Worker } from 'node:cluster'
import { serve } from '@hono/node-server'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { Hono, type Context } from 'hono'
import pg from 'pg'
import { ZenStackLive } from 'zenstack-live'
import { createHonoLiveHandler } from 'zenstack-live/hono'
import { collectGarbage } from '../../collect-garbage.ts'
import { say, serveCommands } from './serve-commands.ts'

/*
 * The whole edge, as an application has it, in one process or in several that share a port. Only the capture is left out: the
 * benchmark writes the log itself, so that Postgres does not stand in the way of what is measured.
 */

export interface EdgeSettings {
  databaseUrl: string
  redis: { url: string; name: string }
  workers: number
}

// Written by the benchmark that starts this program.
const settings = JSON.parse(process.env['BENCH_EDGE'] ?? '{}') as EdgeSettings

if (settings.workers > 1 && cluster.isPrimary) startWorkers()
else await startWorker()

function keptBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Each worker has its own tail of the log; the primary only hands out connections. */
function startWorkers(): void {
  const listening: number[] = []
  const collected: number[] = []
  const workers = Array.from({ length: settings.workers }, () => cluster.fork())
  for (const worker of workers) {
    worker.on('listening', ({ port }) => {
      listening.push(worker.process.pid ?? 0)
      if (listening.length < workers.length) return
      say(`workers ${listening.join(' ')}`)
      say(`port ${port}`)
    })
    worker.on('message', () => {
      collected.push(worker.id)
      if (collected.length % workers.length === 0) say('gathered')
    })
  }
  serveCommands({ collect: () => workers.forEach((worker) => worker.send('collect')), stop: () => endAll(workers) })
}

async function endAll(workers: readonly Worker[]): Promise<void> {
  const ends = workers.map((worker) => new Promise((resolve) => worker.process.once('exit', resolve)))
  for (const worker of workers) worker.process.kill()
  await Promise.all(ends)
}

async function startWorker(): Promise<void> {
  const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 2 })
  pool.on('error', () => {})
  const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin())
  const live = new ZenStackLive({ client, redis: settings.redis, database: { url: settings.databaseUrl }, capture: false })
  await live.ready()
  const app = new Hono()
  // Each connection is a person of its own.
  const getClient = (c: Context): typeof client => client.$setAuth({ id: c.req.header('x-user') ?? '', role: 'MEMBER' })
  app.use('/api/live/*', createHonoLiveHandler({ live, getClient }))
  serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
    if (cluster.isWorker) return
    say(`workers ${process.pid}`)
    say(`port ${port}`)
  })
  const edge = await live.edge()
  if (cluster.isPrimary) {
    return serveCommands({
      collect: () => say('gathered'),
      queries: () => say(`queries ${edge.metrics().databaseQueries}`),
      readers: () => say(`readers ${edge.metrics().connectionsStalledNow} ${edge.metrics().slowReadersCut}`),
      direct: () => say(`direct ${edge.metrics().directWrites}`),
      memory: () => say(`memory ${keptBytes()}`),
    })
  }
  process.on('message', () => {
    collectGarbage()
    process.send?.('collected')
  })
}
