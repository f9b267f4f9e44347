import { LIMITS } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/workspace'
import { createDatabase } from '@zenstack-live/testing'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { expect, inject, it } from 'vitest'
import { createEdgeDatabase } from '../src/database/edge-database.ts'
import { createMetrics } from '../src/operations/metrics.ts'
import { createWorkspace, seedWorkspace } from './support/workspace.ts'

const metrics = createMetrics()

// How far an edge reads back when it begins: a transaction that somebody forgot would make that the whole log.
it('finds no stalled commit in a transaction that stands open', async () => {
  const workspace = await createWorkspace(inject('postgresUrl'))
  await seedWorkspace(workspace)
  const database = createEdgeDatabase({ url: workspace.url, schema, limits: LIMITS, metrics })
  await workspace.db.$transaction(async (tx) => {
    await tx.note.create({ data: { id: 1, ownerId: 'bob', body: 'b' } })
    expect(await database.oldestStalledCommitMs()).toBe(0)
  })
  await database.close()
  await workspace.close()
})

it('has maxDatabaseConnections, and uses all of them', async () => {
  const url = await createDatabase(inject('postgresUrl'))
  const database = createEdgeDatabase({ url, schema, limits: { ...LIMITS, maxDatabaseConnections: 2 }, metrics })
  const backends = await Promise.all(Array.from({ length: 6 }, () => database.query('SELECT pg_backend_pid() AS pid FROM pg_sleep(0.2)')))
  expect(new Set(backends.map(([row]) => row?.['pid'])).size).toBe(2)
  await database.close()
})

it('waits for an answer for databaseTimeoutMs, and no longer', async () => {
  const url = await createDatabase(inject('postgresUrl'))
  const database = createEdgeDatabase({ url, schema, limits: { ...LIMITS, databaseTimeoutMs: 10_000 }, metrics })
  await expect(database.query('SELECT pg_sleep(0.1)')).resolves.toHaveLength(1)
  await expect(database.query('SELECT pg_sleep(600)')).rejects.toMatchObject({ code: 'database_unavailable' })
  await database.close()
})

it('outlives connections that break while they are asked, in a transaction and out of one, and asks by others', async () => {
  const workspace = await createWorkspace(inject('postgresUrl'))
  await seedWorkspace(workspace)
  const broken: string[] = []
  const database = createEdgeDatabase({ url: workspace.url, schema, limits: LIMITS, metrics, onError: ({ message }) => broken.push(message) })
  const client = database.unprotected()
  const other = new pg.Client(workspace.url)
  await other.connect()
  await other.query('BEGIN; LOCK TABLE "Task"')
  const findTasks = async (of: object): Promise<unknown[]> => (Reflect.get(of, 'task') as { findMany(): Promise<unknown[]> }).findMany()
  const inTransaction = client.$transaction((tx) => findTasks(tx), { isolationLevel: 'repeatable read' })
  const isGone = Promise.allSettled([findTasks(client), inTransaction])
  const backends = `FROM pg_stat_activity WHERE application_name = 'zenstack-live-edge' AND datname = current_database() AND wait_event_type = 'Lock'`
  await expect.poll(() => workspace.sql(`SELECT pid ${backends}`)).toHaveLength(2)
  await workspace.sql(`SELECT pg_terminate_backend(pid) ${backends}`)
  expect((await isGone).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await other.end()
  expect(await findTasks(client)).toEqual([])
  expect(broken.length).toBeGreaterThanOrEqual(2)
  await database.close()
  await workspace.close()
})

it('waits for the client of getClient for databaseTimeoutMs, and asks it again', async () => {
  const url = await createDatabase(inject('postgresUrl'))
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
  const database = createEdgeDatabase({ url, schema, limits: { ...LIMITS, databaseTimeoutMs: 1_000 }, metrics })
  // What has the only connection does not give it back.
  const held = await pool.connect()
  await expect(database.bind(client as never)).rejects.toMatchObject({ code: 'database_unavailable' })
  held.release()
  await expect(database.bind(client as never)).resolves.toBeDefined()
  await database.close()
  await pool.end()
})
