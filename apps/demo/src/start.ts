import { join } from 'node:path'
import { serve, type ServerType } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { ZenStackLive } from 'zenstack-live'
import { buildSite } from './server/build-site.ts'
import { createApp } from './server/create-app.ts'
import { openDatabase } from './server/database.ts'
import { prepareDatabase } from './server/prepare-database.ts'
import { createSessions } from './server/sessions.ts'
import { openShop } from './server/shop.ts'

const CLOSE_GRACE_MS = 500

export interface DemoOptions {
  /** A Postgres with `wal_level=logical`, as a user who may create tables and replication slots. */
  databaseUrl: string
  /** Without it the change log is embedded, in `dataDirectory`. */
  redisUrl?: string
  port: number
  /** The page, already built by `buildSite`. Without it, it is built into `dataDirectory`. */
  siteDirectory?: string
  /** Read changes from Postgres in this process; off where Debezium Server writes the log. @defaultValue true */
  capture?: boolean
  /** Holds the built page, the secret of the sessions and the embedded log. */
  dataDirectory: string
}

export interface Demo {
  readonly url: string
  close(): Promise<void>
}

/** Starts the demo on the loopback address; `url` can be opened as soon as this resolves. The caller ends it with `close`. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { databaseUrl, redisUrl, port, dataDirectory } = options
  const site = options.siteDirectory ?? join(dataDirectory, 'site')
  await Promise.all([prepareDatabase(databaseUrl), options.siteDirectory === undefined ? buildSite(site) : undefined])
  const database = openDatabase(databaseUrl)
  const shop = await openShop(databaseUrl, database)
  const live = new ZenStackLive({
    client: database.client,
    projections: shop.projections,
    database: { url: databaseUrl },
    ...(redisUrl === undefined ? {} : { redis: { url: redisUrl } }),
    capture: options.capture ?? true,
    directory: join(dataDirectory, 'log'),
    setUp: true,
  })
  await live.ready()
  const app = createApp({ live, database, databaseUrl, sessions: createSessions(dataDirectory), shop })
  app.use('/*', serveStatic({ root: site }))
  const server = await listen(app.fetch, port)
  return {
    url: `http://localhost:${port}`,
    async close() {
      // No new request comes in, then the open streams are told to come back later; only short requests are left to wait for.
      const closed = server.close()
      await live.close()
      await closed
      await shop.close()
      await database.close()
    },
  }
}

async function listen(fetch: Parameters<typeof serve>[0]['fetch'], port: number): Promise<{ close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname: '127.0.0.1' }, () => {
      server.off('error', reject)
      resolve({ close: () => closeServer(server) })
    })
    server.once('error', reject)
  })
}

async function closeServer(server: ServerType): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // What is still open after this long is kept open by the other end.
  const timer = setTimeout(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
  }, CLOSE_GRACE_MS)
  await closed
  clearTimeout(timer)
}

async function main(): Promise<void> {
  const databaseUrl = process.env['DATABASE_URL']
  if (databaseUrl === undefined)
    throw new TypeError('Set DATABASE_URL to a Postgres with wal_level=logical, or run `npm start` in the root, which brings one.')
  const redisUrl = process.env['REDIS_URL']
  const siteDirectory = process.env['DEMO_SITE']
  const demo = await startDemo({
    databaseUrl,
    ...(redisUrl === undefined ? {} : { redisUrl }),
    ...(siteDirectory === undefined ? {} : { siteDirectory }),
    capture: process.env['DEMO_CAPTURE'] !== 'off',
    port: Number(process.env['PORT'] ?? 3000),
    dataDirectory: process.env['DEMO_DATA'] ?? join(import.meta.dirname, '..', '.zenstack-live'),
  })
  const end = (): void => {
    demo.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  }
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  console.log(`ready ${demo.url}`)
}

if (import.meta.main) await main()
