import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { createHonoLiveHandler, createHonoOperationsHandler } from '@zenstack-live/edge'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import type { LiveConfig } from './config.ts'
import { ZenStackLive, type LiveLogger } from './zenstack-live.ts'

export interface ServeEdgeOptions {
  /** @defaultValue 4000; 0 takes a free one */
  port?: number
  /** Address to listen on. @defaultValue every one */
  hostname?: string
  /** Path of the live queries. @defaultValue `/api/live` */
  base?: string
  /** Whether pages of another origin may ask. @defaultValue none; a proxy puts the edge under the application's own */
  isOriginAllowed?: (origin: string) => boolean
  /** Port of what operators ask: `/health`, `/metrics`, `/status`. Not shared between the workers of a cluster. @defaultValue none */
  operationsPort?: number
  logger?: LiveLogger
}

export interface ServedEdge {
  readonly url: string
  readonly operationsUrl: string | undefined
  /** What serves. */
  readonly live: ZenStackLive
  /** Tells every stream to come back elsewhere, waits for them to end, and closes everything. */
  close(): Promise<void>
}

const DEFAULT_PORT = 4000
/** Longer than balancers keep a connection that they use again (mostly 60 s): whoever closes first must not be us, just when a request is on its way. */
const KEEP_ALIVE_MS = 75_000
/** For requests that were there when the last stream had ended. */
const ANSWER_DEADLINE_MS = 5_000
/** A connection that is kept after its answer is not waited for; Node looks for such ones only when the server is told to close. */
const IDLE_LOOK_MS = 20

/**
 * A process that serves live queries and nothing else; mutations stay with the application. `GET /health` answers 200 while
 * queries can be opened, and 503 with the reasons while they cannot; `GET /health/live` answers 200 while the process runs.
 *
 * @throws {TypeError} when the configuration lacks `getClient`
 * @throws {LiveError} what {@link ZenStackLive.ready} throws
 */
export async function serveEdge(config: LiveConfig, options: ServeEdgeOptions = {}): Promise<ServedEdge> {
  const { schema, getClient, accessTickets, ...rest } = config
  if (getClient === undefined)
    throw new TypeError(
      'The configuration has no `getClient`. An edge needs it to know who asks: the same function as in your Hono adapter. Write `export default defineConfig({ schema, getClient })` in zenstack-live.config.ts.',
    )
  const onError = (error: Error): void => (options.logger ?? console).error('A server of the edge has an error.', { error: String(error) })
  const live = new ZenStackLive({
    ...rest,
    client: { $schema: schema, $options: {} },
    ...(options.logger === undefined ? {} : { logger: options.logger }),
  })
  await live.ready()
  const app = new Hono()
  const { isOriginAllowed } = options
  if (isOriginAllowed !== undefined) app.use(cors({ origin: (origin) => (isOriginAllowed(origin) ? origin : null), credentials: true }))
  // By name: what else operators ask is not for everyone who can reach the port.
  app.on('GET', ['/health', '/health/live', '/health/ready'], createHonoOperationsHandler(live))
  app.use(`${options.base ?? '/api/live'}/*`, createHonoLiveHandler({ live, getClient, ...(accessTickets === undefined ? {} : { accessTickets }) }))
  let operations: Listening | undefined
  try {
    if (options.operationsPort !== undefined)
      operations = await listenToOperators(live, { port: options.operationsPort, host: options.hostname, onError })
    const server = await listen(app.fetch, { port: options.port ?? DEFAULT_PORT, host: options.hostname, onError })
    return {
      url: `http://localhost:${server.port}`,
      operationsUrl: operations && `http://localhost:${operations.port}`,
      live,
      async close() {
        server.stop()
        await live.close()
        operations?.stop()
        await server.ended()
      },
    }
  } catch (error) {
    operations?.stop()
    await live.close()
    throw error
  }
}

interface Listening {
  port: number
  /** Accepts nobody from now on. */
  stop(): void
  /** After `stop`: resolves when all who were there have their answers, or were cut after {@link ANSWER_DEADLINE_MS}. */
  ended(): Promise<void>
}

interface ListenOptions {
  port: number
  host: string | undefined
  /** While it listens. */
  onError: (error: Error) => void
}

function listenToOperators(live: ZenStackLive, options: ListenOptions): Promise<Listening> {
  const app = new Hono()
  app.get('*', createHonoOperationsHandler(live))
  return listen(app.fetch, { ...options, exclusive: true })
}

async function listen(fetch: Hono['fetch'], { port, host, onError, exclusive = false }: ListenOptions & { exclusive?: boolean }): Promise<Listening> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, getRequestListener(fetch))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? new Error(`Port ${port} is taken. Name another with ${exclusive ? '--operations-port' : '--port, or PORT'}.`, { cause })
          : cause,
      ),
    )
    server.listen({ port, exclusive, ...(host === undefined ? {} : { host }) }, resolve)
  })
  const address = server.address()
  const closed = new Promise((resolve) => server.once('close', resolve))
  // Such as a connection for which there is no file left: the others are served.
  server.on('error', onError)
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    stop: () => void server.close(),
    async ended() {
      const looking = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS)
      const deadline = setTimeout(() => server.closeAllConnections(), ANSWER_DEADLINE_MS)
      await closed
      clearInterval(looking)
      clearTimeout(deadline)
    },
  }
}
