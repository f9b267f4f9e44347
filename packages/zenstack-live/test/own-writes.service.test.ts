import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { COMMIT_POSITION_HEADER, FIRST_ENTRY_ID, parseLsn, type Lsn } from '@zenstack-live/protocol'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { RPCApiHandler } from '@zenstackhq/server/api'
import { createHonoHandler } from '@zenstackhq/server/hono'
import { Hono } from 'hono'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { ZenStackLive } from 'zenstack-live'
import { commitPosition, withCommitPosition } from 'zenstack-live/hono'

/** Bodies of notes that are not written. */
const REFUSED = 'refused'

describe('the place of a write', () => {
  let pool: pg.Pool
  let live: ZenStackLive
  let apps: Record<string, (request: Request) => Response | Promise<Response>>
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-own-writes-'))

  beforeAll(async () => {
    const url = await createDatabase(inject('postgresUrl'))
    pool = new pg.Pool({ connectionString: url })
    pool.on('error', () => {})
    const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin())
    await client.$unuseAll().$pushSchema()
    await client.$unuseAll().user.create({ data: { id: 'bob', name: 'Bob' } })
    live = new ZenStackLive({ client, database: { url }, slot: 'own_writes', publication: 'own_writes', setUp: true, directory })
    const bob = client.$setAuth({ id: 'bob', role: 'MEMBER' })
    const note = (body: string): { data: { ownerId: string; body: string } } => ({ data: { ownerId: 'bob', body } })
    const routes = new Hono()
    routes.post('/interactive', async (c) => {
      const [one = '', other = ''] = await c.req.json<string[]>()
      await bob.$transaction(async (tx) => {
        await tx.note.create(note(one))
        await tx.note.create(note(other))
        if (other === REFUSED) throw new Error('It is rolled back.')
      })
      return c.json({})
    })
    routes.post('/array', async (c) => {
      const [one = '', other = ''] = await c.req.json<string[]>()
      await bob.$transaction([bob.note.create(note(one)), bob.note.create({ data: { ownerId: other === REFUSED ? 'nobody' : 'bob', body: other } })])
      return c.json({})
    })
    routes.onError((_, c) => c.json({}, 500))
    routes.use('/model/*', createHonoHandler({ apiHandler: new RPCApiHandler({ schema }), getClient: () => bob }))
    const withMiddleware = new Hono()
    withMiddleware.use(commitPosition(live))
    withMiddleware.route('/', routes)
    apps = {
      'behind the middleware': (request) => withMiddleware.fetch(request),
      'in the wrapper': withCommitPosition(live, (request) => routes.fetch(request)),
    }
    await live.edge()
  })
  afterAll(async () => {
    await live.close()
    await pool.end()
    rmSync(directory, { recursive: true, force: true })
  })

  const post = async (app: string, path: string, body: unknown): Promise<Response> => {
    const request = new Request(`http://app${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return (await apps[app]?.(request)) ?? Response.error()
  }
  /** Where in the log the commit ends that wrote these bodies. */
  const commitOf = async (...bodies: string[]): Promise<Lsn | undefined> => {
    const log = await live.log()
    const entries = await log.read(FIRST_ENTRY_ID, { count: 10_000 })
    const theirs = entries.filter((entry) => entry.kind === 'change' && bodies.some((body) => entry.value.includes(`"${body}"`)))
    const [one] = theirs
    // Of one commit.
    return theirs.length === bodies.length && theirs.every(({ lsn }) => lsn === one?.lsn) ? one?.lsn : undefined
  }

  describe.each(['behind the middleware', 'in the wrapper'])('%s', (app) => {
    it.each([
      ['an interactive transaction', '/interactive', (bodies: string[]) => bodies],
      ['an array of writes', '/array', (bodies: string[]) => bodies],
      [
        "a transaction by ZenStack's own handler",
        '/model/$transaction/sequential',
        (bodies: string[]) => bodies.map((body) => ({ model: 'note', op: 'create', args: { data: { ownerId: 'bob', body } } })),
      ],
    ])('lies behind all of %s, and the log of an idle database comes there', async (_, path, bodyOf) => {
      const bodies = ['one', 'other'].map((name) => `${name} ${app} ${path}`)
      const response = await post(app, path, bodyOf(bodies))
      expect([response.status, await response.text()]).toEqual([200, expect.any(String)])
      const lsn = parseLsn(response.headers.get(COMMIT_POSITION_HEADER) ?? '')
      const log = await live.log()
      // Nobody writes anything else.
      await expect.poll(async () => ((await log.state()).newestLsn ?? 0n) >= lsn, { timeout: 30_000 }).toBe(true)
      expect(await commitOf(...bodies)).toBeLessThanOrEqual(lsn)
    })

    it.each(['/interactive', '/array'])('is not said of a transaction that was rolled back (%s)', async (path) => {
      const response = await post(app, path, [`gone ${app} ${path}`, REFUSED])
      expect([response.status, response.headers.get(COMMIT_POSITION_HEADER)]).toEqual([500, null])
    })
  })
})
