import { createDatabase } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ERROR_CODES, LiveError, type ErrorCode, type QueryId } from '@zenstack-live/protocol'
import { definePlugin, ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { HTTPException } from 'hono/http-exception'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { LiveClient } from '@zenstack-live/edge'
import { openStream, wire } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const EVENT_STREAM = { accept: 'text/event-stream' }

const q = (args: unknown): string => `?q=${encodeURIComponent(JSON.stringify(args))}`

const post = (body: string): RequestInit => ({ method: 'POST', body })

describe('what cannot be live', () => {
  let workspace: Workspace
  let running: RunningEdge
  let client: () => LiveClient
  let logged: string[] = []
  const note = (...entry: unknown[]): void => void logged.push(JSON.stringify(entry))

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    await workspace.db.note.create({ data: { ownerId: 'cay', body: 'a secret of cay', secret: 'hush' } })
    client = () => workspace.as({ id: 'bob' })
    running = await startEdge(workspace, { getClient: () => client(), logger: { warn: note, error: note } })
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  const expectRefusal = async (code: ErrorCode, path: string, init: RequestInit = {}): Promise<void> => {
    const response = await fetch(`${running.base}${path}`, { ...init, headers: { ...EVENT_STREAM, ...(init.headers as Record<string, string>) } })
    const text = await response.text()
    const body: unknown = JSON.parse(text === '' ? `"nothing from ${path.slice(0, 80)}"` : text)
    // The code and its fixed sentence, and nothing else: no SQL, no rows, no policy.
    expect(body).toEqual({ error: { code, message: ERROR_CODES[code].sentence } })
    expect(response.status).toBe(ERROR_CODES[code].status)
  }

  it('is said with a status and a code before the stream begins', async () => {
    await expectRefusal('bad_request', '/note')
    await expectRefusal('bad_request', '/note/findMany/more')
    await expectRefusal('bad_request', '/note/findMany', { method: 'PUT' })
    await expectRefusal('bad_request', '', post('{}'))
    await expectRefusal('bad_request', '', post('{"queries":[{}]}'))
    await expectRefusal('bad_request', '', post('{"queries":[],"lastEventId":7}'))
    await expectRefusal('bad_json', '', post('{'))
    await expectRefusal('bad_json', '/note/findMany?q={')
    await expectRefusal('bad_json', '/note/findMany?q=1&meta=[')
    await expectRefusal('unknown_model', '/nothing/findMany')
    await expectRefusal('unknown_model', '/__proto__/findMany')
    await expectRefusal('unknown_operation', '/note/create')
    await expectRefusal('unknown_operation', '/note/constructor')
    await expectRefusal('bad_arguments', `/note/findMany${q({ where: { nothing: 1 } })}`)
    await expectRefusal('bad_arguments', `/note/findMany${q({ where: { rank: 'text' } })}`)
    await expectRefusal('bad_arguments', `/note/findUnique${q({})}`)
    for (const nothing of [{}, { where: { rank: 1 } }, { _sum: {} }, { _sum: { rank: false }, _count: false }])
      await expectRefusal('bad_arguments', `/note/aggregate${q(nothing)}`)
    await expectRefusal('bad_arguments', `/note/findMany${q([1, 2])}`)
    await expectRefusal('too_large', '', post(`{"queries":["${'x'.repeat(300_000)}"]}`))
    let deep: unknown = { rank: 1 }
    for (let depth = 0; depth < 40; depth++) deep = { NOT: deep }
    await expectRefusal('too_large', `/note/findMany${q({ where: deep })}`)
    for (const text of [`${'{"NOT":'.repeat(7_000)}{}${'}'.repeat(7_000)}`, `${'['.repeat(30_000)}${']'.repeat(30_000)}`]) {
      await expectRefusal('too_large', '', post(`{"queries":[{"model":"Note","operation":"findMany","args":${text}}]}`))
    }
    // What Postgres cannot take as a value, it cannot take the next time either.
    await expectRefusal('bad_arguments', `/note/count${q({ where: { body: { contains: '\0' } } })}`, { headers: { accept: 'application/json' } })
    await expectRefusal('bad_arguments', `/note/count${q({ where: { rank: { gt: 99_999_999_999 } } })}`, { headers: { accept: 'application/json' } })
    const many = Array.from({ length: 201 }, () => ({ model: 'Note', operation: 'findMany' }))
    await expectRefusal('too_many_queries', '', post(JSON.stringify({ queries: many })))
  })

  it('ends one query of several with an error, and lets the others live', async () => {
    const good = wire('Note', 'findMany')
    const bad = [
      wire('Note', 'findMany', { where: { nothing: 1 } }),
      wire('Nothing', 'findMany'),
      wire('Note', 'create' as 'findMany'),
      wire('Note', 'findMany', { where: { body: 'x'.repeat(20_000) } }),
    ]
    const stream = await openStream({ base: running.base, user: 'bob', queries: [...bad, good] })
    await stream.until(() => stream.query(good.q).isReady, 'the good one')
    expect(bad.map((query) => stream.query(query.q).errors)).toEqual([['bad_arguments'], ['unknown_model'], ['unknown_operation'], ['too_large']])
    stream.close()
  })

  it('is any query of a client without policies, without identity, or of another database', async () => {
    const own = client
    client = () => workspace.db
    await expectRefusal('unprotected_client', '/note/findMany')
    const failing = (error: unknown) => (): never => {
      throw error
    }
    client = failing(new HTTPException(401, { message: 'the session has ended' }))
    await expectRefusal('unauthenticated', '/note/findMany')
    client = failing(new LiveError('unauthenticated', 'the session has ended'))
    await expectRefusal('unauthenticated', '/note/findMany')
    client = failing(new Error('the session store does not answer'))
    await expectRefusal('internal', '', post('{"queries":[]}'))
    await expectRefusal('internal', '/note/findMany', { headers: { accept: 'application/json' } })
    // `EventSource` would never come back from that.
    const turnedAway = await fetch(`${running.base}/note/findMany`, { headers: EVENT_STREAM })
    expect([turnedAway.status, await turnedAway.text()]).toEqual([
      200,
      expect.stringMatching(/^retry: \d+\n\nevent: bye\ndata: \{"reason":"overloaded"\}\n\n$/),
    ])
    const pool = new pg.Pool({ connectionString: await createDatabase(inject('postgresUrl')) })
    client = () => new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin())
    await expectRefusal('foreign_database', '/note/findMany')
    await pool.end()
    client = own
  })

  it('is in the log, with who asked, for what, and why it was refused, and with nothing that lets anybody in', async () => {
    logged = []
    const secrets = { authorization: 'Bearer of-a-token', cookie: 'session=of-a-cookie', 'last-event-id': 'of-a-position' }
    await expectRefusal('unknown_model', '/nothing/findMany?access=of-a-ticket&lastEventId=of-a-position', { headers: secrets })
    const own = client
    client = () => {
      throw new HTTPException(401, { message: 'the session has ended' })
    }
    await expectRefusal('unauthenticated', '/note/findMany', { headers: secrets })
    client = own
    await expectRefusal('bad_arguments', `/note/findMany${q({ where: { nothing: 1 } })}`, { headers: secrets })
    client = () => workspace.as(undefined)
    await expectRefusal('bad_arguments', `/note/findMany${q({ where: { nothing: 1 } })}`, { headers: secrets })
    client = own
    expect(logged).toEqual([
      expect.stringMatching(/refused.*\{"path":"\/nothing\/findMany","code":"unknown_model".*no model \\"nothing/),
      expect.stringMatching(/refused.*\{"path":"\/note\/findMany","code":"unauthenticated".*getClient failed.*the session has ended/),
      expect.stringMatching(/refused.*\{"identity":"bob","path":"\/note\/findMany","code":"bad_arguments".*nothing/),
      expect.stringMatching(/refused.*\{"identity":"nobody","path":"\/note\/findMany","code":"bad_arguments".*nothing/),
    ])
    expect(logged.join()).not.toMatch(/of-a-/)
    logged = []
    const [bad, good] = [wire('Note', 'findMany', { where: { nothing: 1 } }), wire('Note', 'findMany')]
    const stream = await openStream({ base: running.base, queries: [{ ...bad, ticket: 'of-a-ticket' }, good], lastEventId: 'of-a-position' })
    await stream.until(() => stream.query(bad.q).errors.length > 0 && stream.query(good.q).isReady, 'both')
    expect(logged).toEqual([
      expect.stringMatching(new RegExp(`"identity":"bob","query":"Note.findMany","q":"${bad.q}","code":"bad_arguments","error":".*nothing`)),
    ])
    expect(logged.join()).not.toMatch(/of-a-/)
    logged = []
    client = () => {
      throw new HTTPException(401, { message: 'the session has ended' })
    }
    running.edge.refreshIdentity('bob')
    await stream.until(() => stream.isEnded, 'the end')
    client = own
    expect(logged).toEqual([expect.stringMatching(/stream ended.*"identity":"bob","code":"unauthenticated".*the session has ended/)])
  })

  it('is not what a client without policies may read when that is allowed', async () => {
    const own = client
    client = () => workspace.db
    await running.restart({ dangerouslyAllowUnprotected: true })
    const query = wire('Note', 'findMany')
    const stream = await openStream({ base: running.base, queries: [query] })
    await stream.until(() => stream.query(query.q).rows.length === 1, 'everything')
    stream.close()
    client = own
    await running.restart()
  })

  it('is what has no id that may be asked for; an id that only the query leaves out may be', async () => {
    const own = client
    const pool = new pg.Pool({ connectionString: workspace.url })
    const bobs = (options: object): (() => LiveClient) => {
      const given = { dialect: new PostgresDialect({ pool }), allowQueryTimeOmitOverride: false, ...options }
      const bound = new ZenStackClient(schema, given as never).$use(new PolicyPlugin()).$setAuth({ id: 'bob', role: 'MEMBER' } as never)
      return () => bound
    }
    const mine = await workspace.db.note.create({ data: { ownerId: 'bob', body: 'mine' } })
    const unnamed = { where: { body: 'mine' }, omit: { id: true } }
    client = bobs({ omit: { note: { id: true } } })
    for (const args of [{}, unnamed, { select: { body: true } }]) await expectRefusal('not_live', `/note/findMany${q(args)}`)
    client = bobs({ omit: { comment: { id: true } } })
    // Only the database knows who may read a comment, and it would be asked for it by its id.
    await expectRefusal('not_live', `/comment/$changes${q({ created: {}, updated: {} })}`)
    client = bobs({ omit: { note: { id: true } } })
    client = bobs({})
    const query = wire('Note', 'findMany', unnamed)
    const stream = await openStream({ base: running.base, queries: [query] })
    await stream.until(() => stream.query(query.q).rows.length === 1 || stream.query(query.q).errors.length > 0, 'the row')
    expect(stream.query(query.q).rows).toEqual([expect.objectContaining({ row: expect.not.objectContaining({ id: mine.id }) })])
    await workspace.db.note.update({ where: { id: mine.id }, data: { rank: 7 } })
    await stream.until(() => stream.query(query.q).rows[0]?.row['rank'] === 7, 'the change')
    stream.close()
    await workspace.db.note.delete({ where: { id: mine.id } })
    client = own
    await pool.end()
  })

  it('has more rows than the limit', async () => {
    await running.restart({ limits: { maxSnapshotRows: 1 } })
    await workspace.db.note.createMany({ data: [1, 2].map((rank) => ({ ownerId: 'bob', body: 'b', rank })) })
    const ranked = (list: object): object => ({ where: { id: 'bob' }, select: { id: true, notes: { where: { rank: { gte: 1 } }, ...list } } })
    const beyond = [
      wire('Note', 'findMany'),
      wire('Note', 'groupBy', { by: ['rank'], where: { rank: { gte: 1 } } }),
      wire('User', 'findUnique', ranked({})),
      wire('Note', 'findFirst', { where: { rank: 1 }, select: { owner: { select: { notes: { take: -2 } } } } }),
    ]
    const within = [
      wire('Note', 'findMany', { where: { rank: 1 } }),
      wire('Note', 'groupBy', { by: ['rank'], where: { rank: 1 } }),
      wire('User', 'findUnique', ranked({ take: -1 })),
    ]
    const stream = await openStream({ base: running.base, queries: [...beyond, ...within] })
    const errors = (query: { q: QueryId }): string[] => stream.query(query.q).errors
    await stream.until(() => within.every(({ q: id }) => stream.query(id).isReady) && beyond.every((one) => errors(one).length > 0), 'all')
    expect(beyond.map(errors)).toEqual(beyond.map(() => ['row_limit']))
    stream.close()
    await running.restart()
  })

  it('has more rows in the lists of its rows than the limit', async () => {
    await running.restart({ limits: { maxRelatedRows: 4 } })
    await workspace.db.note.deleteMany()
    await workspace.db.note.createMany({ data: [1, 2, 3].map((rank) => ({ ownerId: 'bob', body: 'b', rank })) })
    const listing = (where: object): ReturnType<typeof wire> =>
      wire('Note', 'findMany', { where, select: { id: true, owner: { select: { id: true, notes: { where } } } } })
    const [within, beyond] = [listing({ rank: { lte: 2 } }), listing({ rank: { lte: 3 } })]
    const stream = await openStream({ base: running.base, queries: [within, beyond] })
    await stream.until(() => stream.query(within.q).isReady && stream.query(beyond.q).errors.length > 0, 'both')
    expect(stream.query(beyond.q).errors).toEqual(['row_limit'])
    stream.close()
    await running.restart()
  })

  it('is asked again, not decided in memory, when a plugin changes what reads give', async () => {
    const own = client
    const softDelete = definePlugin(schema, {
      id: 'soft-delete',
      onQuery: ({ args, proceed }) =>
        proceed({
          ...(args as object),
          where: { AND: [{ NOT: { body: 'deleted' } }, (args as { where?: object } | undefined)?.where ?? {}] },
        }),
    })
    const bound = workspace.as({ id: 'bob' }).$use(softDelete)
    client = () => bound
    const query = wire('Note', 'findMany')
    const stream = await openStream({ base: running.base, queries: [query] })
    await stream.until(() => stream.query(query.q).isReady, 'ready')
    expect(stream.query(query.q).engine).toBe('requery')
    const before = stream.query(query.q).rows.length
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'deleted' } })
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'kept' } })
    await stream.until(() => stream.query(query.q).rows.length === before + 1, 'the one that is kept')
    expect(stream.text).not.toContain('"deleted"')
    stream.close()
    client = own
  })

  it('is a table whose changes do not tell enough', async () => {
    const other = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(other)
    const edge = await startEdge(other, { getClient: () => other.as({ id: 'bob' }) })
    const refused = async (statement: string, mend: string): Promise<void> => {
      await other.sql(statement)
      await edge.restart()
      const response = await fetch(`${edge.base}/note/findMany`, { headers: EVENT_STREAM })
      expect([response.status, await response.json()]).toEqual([
        422,
        { error: { code: 'table_refused', message: ERROR_CODES.table_refused.sentence } },
      ])
      await other.sql(mend)
    }
    await refused('ALTER TABLE "Note" REPLICA IDENTITY DEFAULT', 'ALTER TABLE "Note" REPLICA IDENTITY FULL')
    await refused(
      `ALTER PUBLICATION ${edge.publication} DROP TABLE "Note"; ALTER TABLE "Note" SET UNLOGGED`,
      `ALTER TABLE "Note" SET LOGGED; ALTER PUBLICATION ${edge.publication} ADD TABLE "Note"`,
    )
    await refused('ALTER TABLE "Note" DROP CONSTRAINT "unique_Note_id"', 'ALTER TABLE "Note" ADD PRIMARY KEY (id)')
    await other.sql('ALTER TABLE "Note" ENABLE ROW LEVEL SECURITY')
    await edge.restart()
    const query = wire('Note', 'findMany')
    const stream = await openStream({ base: edge.base, queries: [query] })
    await stream.until(() => stream.query(query.q).isReady, 'ready')
    expect(stream.query(query.q).engine).toBe('requery')
    stream.close()
    await edge.close()
    await other.close()
  })
})
