import { serve } from '@hono/node-server'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { RPCApiHandler } from '@zenstackhq/server/api'
import { createHonoHandler } from '@zenstackhq/server/hono'
import { Hono, type Context } from 'hono'
import pg from 'pg'
import { ZenStackLive } from 'zenstack-live'
import { commitPosition, createHonoLiveHandler } from 'zenstack-live/hono'
import { schema } from './zenstack/schema.ts'

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] })
// A connection that breaks is replaced. Without listeners, for idle ones and for those in use, it would end the process.
pool.on('error', console.error).on('connect', (client) => client.on('error', console.error))
const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }), plugins: [new PolicyPlugin()] })
const live = new ZenStackLive({ client: db })

// Who asks: your session, cookie or token. The same function serves reads, writes and live queries.
const getClient = (c: Context) => {
  const id = c.req.header('x-user')
  return db.$setAuth(id === undefined ? undefined : { id })
}

const app = new Hono()
app.use('/api/live/*', createHonoLiveHandler({ live, getClient }))
app.use('/api/model/*', commitPosition(live), createHonoHandler({ apiHandler: new RPCApiHandler({ schema }), getClient }))
serve({ fetch: app.fetch, port: Number(process.env['PORT'] ?? 3000) })
