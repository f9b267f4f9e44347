import { createDataModel, readCatalog } from '@zenstack-live/model'
import { LIMITS, type Limits } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/workspace'
import { definePlugin, ZenStackClient } from '@zenstackhq/orm'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { createAsker, type Asker, type Question } from '../src/database/asker.ts'
import { createEdgeDatabase, type EdgeDatabase } from '../src/database/edge-database.ts'
import { createTableFiles } from '../src/database/table-files.ts'
import type { EdgeClient, EdgeTransaction } from '../src/identity/live-client.ts'
import type { LiveClient } from '../src/identity/live-client.ts'
import { createMetrics, type Metrics } from '../src/operations/metrics.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

// A rule such as `space.members^[…]` lets nobody in while there are members.
const WITHOUT_BOB: Question = { model: 'Task', operation: 'findMany', args: { where: { space: { members: { none: { userId: 'bob' } } } } } }

const TASK_IDS: Question = { model: 'Task', operation: 'findMany', args: { select: { id: true } } }
const PATIENCE_MS = 30_000

const LATER = {
  model: 'Task',
  operation: 'findMany',
  args: { include: { comments: true, space: { include: { members: true } } }, orderBy: { id: 'asc' } },
} as const
const ALL_OPERATIONS: readonly Question[] = [
  LATER,
  { model: 'Task', operation: 'findFirst', args: { where: { title: { contains: 'e' } }, orderBy: { id: 'desc' } } },
  { model: 'Task', operation: 'findUnique', args: { where: { id: 't2' } } },
  { model: 'Task', operation: 'exists', args: { where: { budget: { gt: 1 } } } },
  { model: 'Task', operation: 'count', args: undefined },
  { model: 'Task', operation: 'aggregate', args: { _sum: { budget: true }, _max: { priority: true } } },
  { model: 'Task', operation: 'groupBy', args: { by: ['status'], _count: true, orderBy: { status: 'asc' } } },
  { model: 'Comment', operation: 'findMany', args: { orderBy: { id: 'asc' } } },
]

async function askerOf(database: EdgeDatabase, metrics: Metrics, limits: Partial<Limits> = {}): Promise<Asker> {
  const data = createDataModel(schema, await readCatalog(database.query))
  return createAsker({ limits: { ...LIMITS, ...limits }, metrics, statements: database.statements, tableFiles: createTableFiles(database, data) })
}

describe('a question that is asked again and again', () => {
  let workspace: Workspace
  let database: EdgeDatabase
  let asker: Asker
  const metrics = createMetrics()

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    const task = { spaceId: 'garden', title: 'Weed', ownerId: 'ann', budget: 12 }
    await workspace.db.task.createMany({
      data: [
        { ...task, id: 't1', isPrivate: true },
        { ...task, id: 't2' },
        { ...task, id: 't3', spaceId: 'roof' },
      ],
    })
    await workspace.db.comment.create({ data: { id: 'c1', taskId: 't1', authorId: 'ann', body: 'Soon' } })
    database = createEdgeDatabase({ url: workspace.url, schema, limits: LIMITS, metrics, readNeutralPlugins: ['looks on'] })
    asker = await askerOf(database, metrics)
  })
  afterAll(async () => {
    await database.close()
    await workspace.close()
  })

  const people = [{ id: 'ann', role: 'MANAGER' }, { id: 'bob' }, { id: 'cay' }, undefined] as const
  const directly = (client: object, { model, operation, args }: Question): Promise<unknown> => {
    const crud = Reflect.get(client, model) as Record<string, (args: unknown) => Promise<unknown>>
    return crud[operation]?.(args) ?? Promise.reject(new TypeError(operation))
  }

  it('is answered as ZenStack answers it, to each as they may read it, whatever was written meanwhile', async () => {
    const clients = await Promise.all(people.map(async (auth) => ({ direct: workspace.as(auth), bound: await database.bind(workspace.as(auth)) })))
    for (let time = 0; time < 5; time++) {
      for (const question of ALL_OPERATIONS) {
        const answers = await Promise.all(clients.map(({ bound }) => asker.ask(bound, question)))
        const expected = await Promise.all(clients.map(({ direct }) => directly(direct, question)))
        expect(answers.map(({ value }) => value)).toEqual(expected)
      }
      await workspace.db.task.update({
        where: { id: 't2' },
        data: { title: `Weed ${time}`, budget: { increment: 1 }, status: time % 2 === 0 ? 'DONE' : 'OPEN' },
      })
      if (time === 2) await workspace.db.member.create({ data: { spaceId: 'roof', userId: 'cay' } })
    }
    expect(metrics.statementsRepeated).toBe(3 * ALL_OPERATIONS.length * people.length)
  })

  it('is made anew each time by a client with a plugin that may change it', async () => {
    const before = metrics.statementsRepeated
    const wanted = ['Weed 4', 'Weed 4', 'Weed 4', 'Weed 4', 'nothing']
    let title: string | undefined
    const plugin = definePlugin({
      id: 'picky',
      onQuery: ({ args, proceed }) => proceed({ ...args, where: { title } }),
    })
    const bound = await database.bind(workspace.as({ id: 'ann', role: 'MANAGER' }).$use(plugin))
    for (title of wanted) expect((await asker.ask(bound, LATER)).value).toHaveLength(title === 'nothing' ? 0 : 1)
    expect(metrics.statementsRepeated).toBe(before)
  })

  it('is made anew each time by a client with a plugin that looks on, which is shown all of it', async () => {
    let shown = 0
    const plugin = definePlugin({
      id: 'looks on',
      onKyselyQuery: ({ query, proceed }) => {
        if ('from' in query && query.from !== undefined) shown++
        return proceed(query)
      },
    })
    const bound = await database.bind(workspace.as({ id: 'ann', role: 'MANAGER' }).$use(plugin))
    for (let time = 0; time < 5; time++) expect((await asker.ask(bound, LATER)).value).toHaveLength(3)
    expect(shown).toBe(5)
  })

  it('is made anew each time by a client with computed fields: what they read may be another', async () => {
    const before = metrics.statementsRepeated
    const { Task } = schema.models
    const day = { name: 'day', type: 'String', computed: true } as const
    const models = { ...schema.models, Task: { ...Task, fields: { ...Task.fields, day } } }
    const withDay = Object.assign(Object.create(schema) as typeof schema, { models })
    let today = 'Monday'
    const computedFields = {
      Task: { day: (eb: { val(value: string): unknown; cast(value: unknown, type: 'text'): unknown }) => eb.cast(eb.val(today), 'text') },
    }
    const client = new ZenStackClient(withDay, { ...workspace.as(undefined).$options, computedFields } as never) as unknown as LiveClient
    const bound = (await database.bind(client)).$setAuth({ id: 'ann', role: 'MANAGER' })
    const question: Question = { model: 'Task', operation: 'findUnique', args: { where: { id: 't2' }, select: { day: true } } }
    for (today of ['Monday', 'Monday', 'Monday', 'Tuesday', 'Tuesday']) expect((await asker.ask(bound, question)).value).toEqual({ day: today })
    expect(metrics.statementsRepeated).toBe(before)
  })
})

describe('an answer that is read while tables change', () => {
  let workspace: Workspace
  let database: EdgeDatabase
  let asker: Asker
  const metrics = createMetrics()

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    await workspace.db.task.create({ data: { id: 't1', spaceId: 'garden', title: 'Secret', ownerId: 'ann' } })
    database = createEdgeDatabase({ url: workspace.url, schema, limits: LIMITS, metrics })
    asker = await askerOf(database, metrics)
  })
  afterAll(async () => {
    await database.close()
    await workspace.close()
  })

  /** The client, with something that happens between its first snapshot and its first read, or before a later one. */
  const interrupted = (happen: () => Promise<unknown>, { of = database, beforeRead = 1 } = {}): EdgeClient => {
    const client = of.unprotected()
    let reads = 0
    const between = (transaction: EdgeTransaction): EdgeTransaction => ({
      $qb: transaction.$qb,
      Task: {
        async findMany(args: unknown) {
          if (++reads === beforeRead) await happen()
          return (transaction['Task'] as { findMany(args: unknown): unknown }).findMany(args)
        },
      },
    })
    const $transaction: EdgeClient['$transaction'] = (run, options) => client.$transaction((transaction) => run(between(transaction)), options)
    return { ...client, $transaction }
  }

  const connect = async (): Promise<pg.Client> => {
    const connection = new pg.Client(workspace.url)
    await connection.connect()
    return connection
  }
  const isWaitedFor = async (table: string): Promise<boolean> =>
    (await workspace.sql('SELECT 1 FROM pg_locks WHERE NOT granted AND relation = $1::regclass', [pg.escapeIdentifier(table)])).length > 0

  it('shows the one state of its snapshot, whoever writes meanwhile', async () => {
    await workspace.sql('ANALYZE')
    const { databaseTransactions } = metrics
    const { value } = await asker.ask(
      interrupted(() => workspace.db.member.deleteMany({ where: { spaceId: 'garden', userId: 'bob' } })),
      WITHOUT_BOB,
    )
    expect(value).toEqual([])
    expect(metrics.databaseTransactions - databaseTransactions).toBe(1)
    await workspace.db.member.create({ data: { spaceId: 'garden', userId: 'bob' } })
  })

  it('shows nothing of before a TRUNCATE beside the table that it emptied', async () => {
    const { value } = await asker.ask(
      interrupted(async () => {
        await workspace.db.task.update({ where: { id: 't1' }, data: { title: 'For all' } })
        await workspace.sql('TRUNCATE "Member"')
      }),
      WITHOUT_BOB,
    )
    expect(value).toMatchObject([{ title: 'For all' }])
  })

  it.each([
    { lockTimeoutMs: 60_000, asked: 'once' },
    { lockTimeoutMs: 20, asked: 'again' },
  ])(
    'is asked $asked where a table is locked for longer than it takes to see that, and it waits $lockTimeoutMs ms',
    async ({ lockTimeoutMs, asked }) => {
      const { databaseTransactions: before } = metrics
      const other = await connect()
      await other.query('BEGIN; LOCK TABLE "Task"')
      const answer = (await askerOf(database, metrics, { lockTimeoutMs, maxAsksPerQuestion: 1_000 })).ask(database.unprotected(), TASK_IDS)
      const isSeen = asked === 'once' ? () => isWaitedFor('Task') : () => metrics.databaseTransactions - before > 1
      await vi.waitUntil(isSeen, { timeout: PATIENCE_MS })
      // For longer than the shorter of the two: who waits for less than it says has asked again by then.
      await other.query('SELECT pg_sleep(0.2); COMMIT')
      expect((await answer).value).toEqual([{ id: 't1' }])
      expect(metrics.databaseTransactions - before > 1).toBe(asked === 'again')
      await other.end()
    },
  )

  it('lets go of what it has read where somebody who waits for that has what it waits for itself', async () => {
    // Postgres would find out by itself, and might end the other.
    await workspace.sql(`ALTER DATABASE "${new URL(workspace.url).pathname.slice(1)}" SET deadlock_timeout = '1h'`)
    const own = createEdgeDatabase({ url: workspace.url, schema, limits: LIMITS, metrics })
    const ofOwn = await askerOf(own, metrics)
    const other = await connect()
    let isDone: Promise<unknown> | undefined
    const lock = async (): Promise<void> => {
      await other.query('BEGIN; LOCK TABLE "Member"')
      isDone = other.query('LOCK TABLE "Task"; COMMIT')
      await vi.waitUntil(() => isWaitedFor('Task'), { timeout: PATIENCE_MS })
    }
    const client = interrupted(lock, { of: own, beforeRead: 2 })
    const answers = await Promise.all([ofOwn.ask(client, TASK_IDS), ofOwn.ask(client, WITHOUT_BOB)])
    expect(answers.map(({ value }) => value)).toMatchObject([[{ id: 't1' }], [{ id: 't1' }]])
    await isDone
    await Promise.all([own.close(), other.end()])
  })

  it('knows that one partition was emptied, at any depth, and that one came or went', async () => {
    await workspace.sql(`CREATE TABLE log (id int, at int) PARTITION BY RANGE (at);
      CREATE TABLE log_old PARTITION OF log FOR VALUES FROM (0) TO (10) PARTITION BY LIST (id);
      CREATE TABLE log_old_one PARTITION OF log_old FOR VALUES IN (1);
      CREATE TABLE log_new PARTITION OF log FOR VALUES FROM (10) TO (20)`)
    const table = { schema: 'public', name: 'log' }
    const files = createTableFiles(database, { models: new Map([['Log', { table }]]) as never, joinTables: [] })
    const seen = [await files.read(), await files.read()]
    expect(new Set(seen).size).toBe(1)
    for (const change of ['INSERT INTO log VALUES (1, 1)', 'DELETE FROM log', 'CREATE TABLE other (id int)']) await workspace.sql(change)
    expect(await files.read()).toBe(seen[0])
    for (const change of [
      'TRUNCATE log_new',
      'TRUNCATE log_old_one',
      'TRUNCATE log',
      'ALTER TABLE log DETACH PARTITION log_new',
      'ALTER TABLE log ATTACH PARTITION log_new FOR VALUES FROM (10) TO (20)',
    ]) {
      await workspace.sql(change)
      seen.push(await files.read())
      expect([change, seen.at(-1) === seen.at(-2)]).toEqual([change, false])
    }
    const other = await connect()
    await other.query('BEGIN; LOCK TABLE log_new')
    expect(await files.read()).toBe(seen.at(-1))
    await other.end()
  })
})
