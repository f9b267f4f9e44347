import { randomUUID } from 'node:crypto'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { ZenStackLive } from 'zenstack-live'
import { runCommand, type CommandRun } from './support/run-command.ts'
import { workspaceDatabase, type WorkspaceDatabase } from './support/workspace-database.ts'

const PATIENCE = { timeout: 30_000, interval: 20 }

let database: WorkspaceDatabase
let pool: pg.Pool
let name: string
let live: ZenStackLive<typeof schema>
let isMended: boolean
let handled: string[]

/** Two streams of one process: one that is up to date, and one whose handler gives every other user up. */
beforeEach(async () => {
  database = await workspaceDatabase(inject('postgresUrl'))
  pool = new pg.Pool({ connectionString: database.url })
  pool.on('error', () => {})
  name = `streams_${randomUUID().slice(0, 8)}`
  isMended = false
  handled = []
  live = new ZenStackLive({
    client: new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }),
    database: { url: database.url },
    redis: { url: inject('redisUrl'), name },
    slot: name,
    publication: name,
    setUp: true,
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  })
  await live.ready()
  live.handle({ model: 'User', id: 'mail', start: 'beginning', leaseMs: 3_000, created: {} }, ({ created }) => handle(created.id), {
    maxDeliveries: 1,
  })
  live.handle({ model: 'Task', id: 'parts', start: 'beginning', partitions: 2, created: {} }, () => {})
  await database.sql(`INSERT INTO "User" (id, name) VALUES ('ann', 'Ann'), ('bad', 'Bad'), ('cid', 'Cid'), ('worse', 'Worse')`)
  await vi.waitFor(
    async () =>
      expect((await live.streams.list()).map(({ id, deadLetters }) => [id, deadLetters])).toEqual([
        ['mail', 2],
        ['parts', 0],
      ]),
    PATIENCE,
  )
})
afterEach(async () => {
  await live.close()
  await database.sql(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${name}' AND NOT active`)
  await pool.end()
  await database.close()
})

function handle(id: string): void {
  if (!isMended && ['bad', 'worse'].includes(id)) throw new Error(`${id} has no address`)
  handled.push(id)
}

const run = (...args: string[]): Promise<CommandRun> =>
  runCommand(['streams', ...args], { config: `redis: { url: '${inject('redisUrl')}', name: '${name}' }`, env: { DATABASE_URL: database.url } })

async function json<Answer>(...args: string[]): Promise<Answer> {
  const { lines } = await run(...args, '--json')
  return JSON.parse(lines[0] ?? '') as Answer
}

describe('streams', () => {
  it('lists every id with its owners, its lag and its dead letters', async () => {
    const { code, lines } = await run()
    expect(code).toBe(0)
    expect(lines[0]).toMatch(new RegExp(`^mail  read by process ${process.pid} on .+  2 dead letters$`))
    expect(lines.slice(1)).toEqual([
      'parts',
      expect.stringMatching(/^ {2}1\/2 {2}read by process/),
      expect.stringMatching(/^ {2}2\/2 {2}read by process/),
    ])
    const [mail, parts] = await json<{ id: string; deadLetters: number; partitions: { owner: string; lagBytes: number; cursor: string }[] }[]>('list')
    expect(mail).toMatchObject({
      id: 'mail',
      deadLetters: 2,
      partitions: [{ owner: expect.any(String), lagBytes: expect.any(Number), cursor: expect.any(String) }],
    })
    expect(parts?.partitions).toHaveLength(2)
  })

  it('shows dead letters, has one delivered again, and throws another away', async () => {
    const { lines } = await run('letters', 'mail')
    expect(lines.join('\n')).toMatch(/User bad created .*delivered once\n.*bad has no address/)
    const [first, second] = await json<{ position: string; key: string }[]>('letters', 'mail')
    isMended = true
    expect(await run('replay', 'mail', first?.position ?? '')).toMatchObject({
      code: 0,
      lines: ['1 of 2 dead letters will be delivered again.'],
      notes: [],
    })
    await vi.waitFor(() => expect(handled).toEqual(['ann', 'cid', 'bad']), PATIENCE)
    expect(await run('discard', 'mail', '1-1')).toMatchObject({ code: 1, lines: [expect.stringMatching(/^0 of/)] })
    await vi.waitFor(async () => expect(await json('discard', 'mail', second?.position ?? '')).toEqual({ discard: 1 }), PATIENCE)
    await vi.waitFor(async () => expect((await run('letters', 'mail')).lines).toEqual(['"mail" has no dead letters.']), PATIENCE)
  })

  it('lets an abandoned id go, and one that is in use only by force', async () => {
    expect(await run('drop', 'mail')).toMatchObject({ code: 2, notes: [expect.stringContaining('loses its place and 2 dead letters')] })
    expect(await run('drop', 'mail', '--yes')).toMatchObject({ code: 1, notes: [expect.stringContaining('--force')] })
    await live.close()
    expect((await run()).lines[0]).toMatch(/^mail {2}nobody reads it, .*, last seen \d{4}-.* 2 dead letters$/)
    expect(await run('replay', 'mail', '--all')).toMatchObject({ code: 0, notes: [expect.stringContaining('they wait for one')] })
    expect((await run()).lines[0]).toMatch(/ {2}2 to be delivered again$/)
    expect((await run('letters', 'mail')).lines.join('\n')).toMatch(/User bad created .*delivered once, to be delivered again\n/)
    expect(await run('drop', 'mail', '--yes')).toMatchObject({ code: 0, lines: ['"mail" was dropped.'] })
    expect((await json<{ id: string }[]>()).map(({ id }) => id)).toEqual(['parts'])
  })

  it('says what it cannot find or understand', async () => {
    for (const action of ['letters', 'drop'])
      expect(await run(action, 'nobody')).toMatchObject({ code: 1, notes: [expect.stringContaining('no stream "nobody"')] })
    expect(await run('replay', 'nobody', '--all')).toMatchObject({ code: 1 })
    expect(await run('replay', 'mail')).toMatchObject({ code: 2, notes: [expect.stringContaining('--all')] })
    expect(await run('letters')).toMatchObject({ code: 2, notes: [expect.stringContaining('Which id?')] })
    expect(await run('turn')).toMatchObject({ code: 2 })
    const nowhere = await runCommand(['streams'], { env: {} })
    expect(nowhere).toMatchObject({ code: 1, notes: [expect.stringContaining('no change log')] })
  })
})
