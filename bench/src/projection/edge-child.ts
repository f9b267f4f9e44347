import { openPool } from '@zenstack-live/testing'
import { serve } from '@hono/node-server'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { Hono } from 'hono'
import { ZenStackLive, type LiveProjection } from 'zenstack-live'
import { createHonoLiveHandler } from 'zenstack-live/hono'
import { CartClass, cartProjection, openCarts } from './carts.ts'

/** What the fuzzer says to an edge that it will kill. */
export interface EdgeJob {
  databaseUrl: string
  redisUrl: string
  port: number
  /** Loses what some patches say, to see that the fuzzer notices. */
  isMutated: boolean
}

const job = JSON.parse(process.env['EDGE_JOB'] ?? '{}') as EdgeJob
// Nobody is there to end it.
process.on('disconnect', () => process.exit())
const pool = openPool({ connectionString: job.databaseUrl, max: 8 })
const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin())
const carts = openCarts(pool)
const pure = carts.live(cartProjection)
const byClass = carts.live({
  name: 'cart-class',
  query: { types: ['Added', 'Removed'], by: 'cartId' },
  open: (id: string) => new CartClass(id, carts),
})
const authorize: LiveProjection['authorize'] = (auth, id) => auth !== null && id !== 'forbidden'
const live = new ZenStackLive({
  client: db,
  database: { url: job.databaseUrl },
  redis: { url: job.redisUrl },
  setUp: true,
  logger: { info: () => {}, warn: () => {}, error: () => {} },
  projections: { cart: { projection: job.isMutated ? losing(pure) : pure, authorize }, cartClass: { projection: byClass, authorize } },
})
const app = new Hono()
app.use('/api/live/*', createHonoLiveHandler({ live, getClient: () => db.$setAuth({ id: 'ann', role: 'MEMBER' }) }))
serve({ fetch: app.fetch, port: job.port, hostname: '127.0.0.1' }, () => process.send?.('ready'))

function losing(source: LiveProjection['projection']): LiveProjection['projection'] {
  return {
    ...source,
    open() {
      const reader = source.open()
      return {
        wake: () => reader.wake(),
        close: () => reader.close(),
        async *watch(...args) {
          for await (const frame of reader.watch(...args)) {
            // What is left still fits, or the client would notice.
            yield frame.kind === 'patch' ? { ...frame, patch: frame.patch.filter(({ path }) => !path.endsWith('/quantity')) } : frame
          }
        },
      }
    },
  }
}
