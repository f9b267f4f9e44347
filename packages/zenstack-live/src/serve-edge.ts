import { serve } from '@hono/node-server'
import { createHonoLiveHandler } from '@zenstack-live/edge'
import { Hono } from 'hono'
import type { LiveConfig } from './config.ts'
import { ZenStackLive, type LiveLogger } from './zenstack-live.ts'

export interface ServeEdgeOptions {
  /** @defaultValue 4000; 0 takes a free one */
  port?: number
  /** Path of the live queries. @defaultValue `/api/live` */
  base?: string
  logger?: LiveLogger
}

export interface ServedEdge {
  readonly url: string
  /** Tells every stream to come back elsewhere, waits for them to end, and closes everything. */
  close(): Promise<void>
}

/**
 * A process that serves live queries and nothing else; mutations stay with the application. `GET /health` answers 200 once queries
 * can be opened.
 *
 * @throws {TypeError} when the configuration lacks `getClient`
 * @throws {LiveError} what {@link ZenStackLive.ready} throws
 */
export async function serveEdge(config: LiveConfig, options: ServeEdgeOptions = {}): Promise<ServedEdge> {
  const { schema, getClient, ...rest } = config
  if (getClient === undefined)
    throw new TypeError('The configuration has no `getClient`. An edge needs it to know who asks: the same function as in your Hono adapter.')
  const live = new ZenStackLive({
    ...rest,
    client: { $schema: schema, $options: {} },
    ...(options.logger === undefined ? {} : { logger: options.logger }),
  })
  await live.ready()
  const app = new Hono()
  app.get('/health', (c) => c.json({ status: 'ready' }))
  app.use(`${options.base ?? '/api/live'}/*`, createHonoLiveHandler({ live, getClient }))
  const server = await listen(app.fetch, options.port ?? 4000)
  return {
    url: `http://localhost:${server.port}`,
    async close() {
      server.stopListening()
      await live.close()
    },
  }
}

async function listen(fetch: Hono['fetch'], port: number): Promise<{ port: number; stopListening(): void }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port }, (address) => {
      server.off('error', reject)
      resolve({ port: address.port, stopListening: () => void server.close() })
    })
    server.once('error', reject)
  })
}
