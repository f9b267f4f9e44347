import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { RPCApiHandler } from '@zenstackhq/server/api'
import { createHonoHandler } from '@zenstackhq/server/hono'
import { Hono, type Context } from 'hono'
import { getCookie } from 'hono/cookie'
import pg from 'pg'
import { ZenStackLive } from 'zenstack-live'
import { commitPosition, createHonoLiveHandler } from 'zenstack-live/hono'
import { schema } from '../zenstack/schema'

/** Kept where development's reloading does not reach: one log and one capture for the process. */
const kept = globalThis as { api?: Hono }

/** ZenStack's own API and the live one. Made when it is asked for, which a build never does. */
export function api(): Hono {
  return (kept.api ??= createApi())
}

function createApi(): Hono {
  const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] })
  // A connection that breaks is replaced. Without listeners, for idle ones and for those in use, it would end the process.
  pool.on('error', console.error).on('connect', (client) => client.on('error', console.error))
  const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }), plugins: [new PolicyPlugin()] })
  const live = new ZenStackLive({ client: db, setUp: true })
  // Who asks: your session. The same function serves reads, writes and live queries.
  const getClient = (c: Context) => {
    const id = getCookie(c, 'user')
    return db.$setAuth(id === undefined ? undefined : { id })
  }
  const app = new Hono()
  app.use('/api/live/*', createHonoLiveHandler({ live, getClient }))
  app.use('/api/model/*', commitPosition(live), createHonoHandler({ apiHandler: new RPCApiHandler({ schema }), getClient }))
  return app
}
