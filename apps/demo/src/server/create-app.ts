import { RPCApiHandler } from '@zenstackhq/server/api'
import { createHonoHandler } from '@zenstackhq/server/hono'
import { Hono, type Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { commitPosition, createHonoLiveHandler, type HasEdge } from 'zenstack-live/hono'
import { schema, type SchemaType } from '../../schema/generated/schema.ts'
import type { Database, DemoClient } from './database.ts'
import { onlyThisPage } from './only-this-page.ts'
import { resetDatabase } from './prepare-database.ts'
import { runSql } from './run-sql.ts'
import { PEOPLE } from './sample-data.ts'
import type { Sessions } from './sessions.ts'
import type { Shop } from './shop.ts'

const MAX_SQL_CHARS = 20_000

export interface AppOptions {
  live: HasEdge
  database: Database
  databaseUrl: string
  sessions: Sessions
  shop: Shop
}

/** Everything the page talks to: sign-in, ZenStack's reads and writes, the live streams, the shop, and the SQL panel. */
export function createApp({ live, database, databaseUrl, sessions, shop }: AppOptions): Hono {
  const getClient = (context: Context): Promise<DemoClient> => database.clientOf(sessions.personOf(tokenOf(context)))
  const app = new Hono()
  app.use('/api/*', onlyThisPage())

  const accessTickets = {
    mint: (context: Context) => ({ subject: sessions.personOf(tokenOf(context)) ?? '' }),
    redeem: (personId: string) => database.clientOf(personId),
  }
  app.use('/api/live/*', createHonoLiveHandler({ live, getClient, accessTickets }))
  app.use('/api/model/*', commitPosition(live), createHonoHandler<SchemaType>({ apiHandler: new RPCApiHandler<SchemaType>({ schema }), getClient }))
  app.route('/api/shop', shop.routes(getClient))

  app.get('/api/people', (context) => context.json(PEOPLE.map(({ id, name, title, hue }) => ({ id, name, title, hue }))))
  app.post('/api/sign-in', async (context) => {
    const personId = await field(context, 'personId')
    if (!PEOPLE.some((person) => person.id === personId)) return context.json({ error: 'Nobody of that name works here.' }, 404)
    return context.json({ token: sessions.sign(personId) })
  })

  app.post('/api/sql', async (context) => {
    const sql = await field(context, 'sql')
    if (sql.length > MAX_SQL_CHARS) return context.json({ error: `The statement is longer than ${MAX_SQL_CHARS} characters.` }, 413)
    try {
      return context.json(await runSql(databaseUrl, sql))
    } catch (error) {
      return context.json({ error: error instanceof Error ? error.message : String(error) }, 422)
    }
  })
  app.post('/api/reset', async (context) => {
    await resetDatabase(databaseUrl)
    await shop.refill()
    return context.json({})
  })
  app.all('/api/*', (context) => context.json({ error: 'There is nothing here.' }, 404))
  return app
}

function tokenOf(context: Context): string | undefined {
  return context.req.header('authorization')?.replace(/^Bearer /, '')
}

async function field(context: Context, name: string): Promise<string> {
  const body: unknown = await context.req.json().catch(() => {
    throw new HTTPException(400, { message: 'The body has to be JSON.' })
  })
  const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined
  return typeof value === 'string' ? value : ''
}
