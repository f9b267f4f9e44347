import { serve } from '@hono/node-server'
import { RPCApiHandler } from '@zenstackhq/server/api'
import { createHonoHandler } from '@zenstackhq/server/hono'
import { Hono, type Context } from 'hono'
import { schema } from '../zenstack/schema.ts'
import { db } from './db.ts'
import { sessions, userOf } from './session.ts'

const app = new Hono()
const getClient = async (c: Context) => db.$setAuth(await userOf(c))

app.route('/api/session', sessions)
app.use('/api/model/*', createHonoHandler({ apiHandler: new RPCApiHandler({ schema }), getClient }))

serve({ fetch: app.fetch, port: Number(process.env['PORT'] ?? 3000) }, ({ port }) => console.log(`http://localhost:${port}`))
