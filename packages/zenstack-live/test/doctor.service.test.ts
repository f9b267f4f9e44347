import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { startPostgres, type PostgresServer } from '@zenstack-live/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { runCommand, type CommandRun } from './support/run-command.ts'
import { workspaceDatabase, type WorkspaceDatabase } from './support/workspace-database.ts'

const CONFIG = `exclude: ['Note.secret']`

const DROP_KEY = `DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE "Note" DROP CONSTRAINT %I', conname)
  FROM pg_constraint WHERE conrelid = '"Note"'::regclass AND contype = 'p'); END $$`

/** Findings that are not "ok", as the machine reads them. */
function wrong(run: CommandRun): { severity: string; message: string; cure?: string }[] {
  const report = JSON.parse(run.lines.at(-1) ?? '{}') as { findings: { severity: string; message: string; cure?: string }[] }
  return report.findings.filter(({ severity }) => severity !== 'ok')
}

describe('doctor', () => {
  let server: PostgresServer
  let database: WorkspaceDatabase
  const doctor = (env: Record<string, string> = {}, config = CONFIG): Promise<CommandRun> =>
    runCommand(['doctor', '--json'], { config, env: { DATABASE_URL: database.url, ...env } })

  beforeAll(async () => {
    server = await startPostgres()
    const keeper = await workspaceDatabase(server.url)
    await keeper.sql(`ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'`)
    await keeper.sql('SELECT pg_reload_conf()')
    await keeper.close()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    database = await workspaceDatabase(server.url)
    const { code, notes } = await runCommand(['setup'], { config: CONFIG, env: { DATABASE_URL: database.url } })
    expect([code, notes]).toEqual([0, []])
  })
  afterEach(async () => {
    await database.sql(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots`)
    await database.close()
  })

  it('finds nothing wrong with a database that was set up, and says so to people and machines', async () => {
    const run = await doctor({ REDIS_URL: inject('redisUrl') })
    expect(wrong(run).filter(({ message }) => !message.includes('append-only'))).toEqual([])
    const people = await runCommand(['doctor'], { config: CONFIG, env: { DATABASE_URL: database.url } })
    expect(people).toMatchObject({ code: 0, notes: [] })
    expect(people.lines.at(-1)).toBe('All is well.')
    expect(people.lines[0]).toMatch(/^✔ Postgres 1\d.*, database "test_/)
  })

  it.each([
    [
      'a replica identity that is not FULL',
      'ALTER TABLE "Task" REPLICA IDENTITY DEFAULT',
      /The replica identity of public\.Task is DEFAULT/,
      /zenstack-live setup/,
    ],
    ['a table without key', DROP_KEY, /^Note cannot be live: .*no unique index on the key/, /ADD PRIMARY KEY/],
    [
      'a publication that lacks a table',
      'ALTER PUBLICATION zenstack_live DROP TABLE "Task"',
      /publication "zenstack_live" lacks public\.Task/,
      /zenstack-live setup/,
    ],
    [
      'a publication that leaves out deletes',
      `ALTER PUBLICATION zenstack_live SET (publish = 'insert')`,
      /leaves out inserts, updates, deletes or truncates/,
      /setup/,
    ],
    [
      'a publication with a row filter',
      `ALTER PUBLICATION zenstack_live DROP TABLE "Note"; ALTER PUBLICATION zenstack_live ADD TABLE "Note" WHERE (id > 5)`,
      /row filter.*public\.Note/,
      /DROP TABLE/,
    ],
    ['no publication', 'DROP PUBLICATION zenstack_live', /There is no publication "zenstack_live"/, /setup/],
    ['no slot', `SELECT pg_drop_replication_slot('zenstack_live')`, /There is no replication slot "zenstack_live"/, /setup/],
    ['an unlogged table', 'ALTER PUBLICATION zenstack_live DROP TABLE "Note"; ALTER TABLE "Note" SET UNLOGGED', /^Note cannot be live/, /LOGGED/],
    ['a table that is not there', 'DROP TABLE "Comment"', /^Comment cannot be live/, /Run the migrations/],
  ])('names %s and its cure', async (_what, statement, message, cure) => {
    await database.sql(statement)
    const run = await doctor()
    expect(run.code).toBe(1)
    const found = wrong(run).filter((finding) => message.test(finding.message))
    expect(found).toHaveLength(1)
    expect(found[0]?.cure).toMatch(cure)
  })

  it('names a slot of another kind', async () => {
    await database.sql(
      `SELECT pg_drop_replication_slot('zenstack_live'); SELECT pg_create_logical_replication_slot('zenstack_live', 'test_decoding')`,
    )
    expect(wrong(await doctor())).toMatchObject([
      { severity: 'error', message: expect.stringContaining('of plugin test_decoding') as string, cure: 'Choose another name for the slot.' },
    ])
  })

  it('names a role that may not replicate', async () => {
    await database.sql(`DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain`)
    const url = database.url.replace('postgres:postgres@', 'plain@')
    const run = await doctor({ DATABASE_URL: url })
    expect(run.code).toBe(1)
    expect(wrong(run)).toContainEqual({
      area: 'postgres',
      severity: 'error',
      message: 'The role "plain" may not replicate.',
      cure: expect.stringContaining('ALTER ROLE "plain" REPLICATION') as string,
    })
    await database.sql(`SELECT pg_drop_replication_slot('zenstack_live')`)
    const refused = await runCommand(['setup'], { config: CONFIG, env: { DATABASE_URL: url } })
    expect(refused).toMatchObject({ code: 1, notes: [expect.stringContaining('ALTER ROLE "plain" REPLICATION')] })
    await database.sql(`ALTER ROLE plain REPLICATION; ALTER TABLE "Task" REPLICA IDENTITY DEFAULT`)
    const another = await runCommand(['setup'], { config: CONFIG, env: { DATABASE_URL: url } })
    expect(another).toMatchObject({ code: 1, notes: [expect.stringMatching(/must be owner of table Task.*superuser, or of the owner/)] })
  })

  it('names secrets that would go to the log, and is content when they do not', async () => {
    const run = await doctor({}, '')
    expect(run.code).toBe(1)
    expect(wrong(run)).toEqual([
      expect.objectContaining({ message: expect.stringContaining('Note.secret') as string, cure: expect.stringContaining('@omit') as string }),
    ])
  })

  it('names a slot that lost its WAL', async () => {
    await database.sql(`ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'`)
    await database.sql('SELECT pg_reload_conf()')
    await database.sql('CREATE TABLE noise (t text)')
    for (let round = 0; round < 4; round++) {
      await database.sql('INSERT INTO noise SELECT repeat(md5(i::text), 100) FROM generate_series(1, 4000) i')
      await database.sql('SELECT pg_switch_wal()')
    }
    await database.sql('CHECKPOINT')
    const run = await doctor()
    await database.sql(`ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'`)
    await database.sql('SELECT pg_reload_conf()')
    expect(run.code).toBe(1)
    expect(wrong(run)).toMatchObject([
      { severity: 'error', message: expect.stringContaining('lost its WAL') as string, cure: expect.stringContaining('new epoch') as string },
    ])
  })

  it('names a database that does not answer, without its password', async () => {
    const run = await doctor({ DATABASE_URL: 'postgres://someone:hunter2@127.0.0.1:1/app' })
    expect(run.code).toBe(1)
    expect(wrong(run)[0]?.message).toMatch(/Postgres at 127\.0\.0\.1:1\/app does not accept the connection: .*ECONNREFUSED/)
    expect(wrong(run)[0]?.cure).toMatch(/database\.url/)
    expect(run.lines.join()).not.toContain('hunter2')
  })

  it('says what to do where TLS is wanted and not there, as every command does', async () => {
    const env = { DATABASE_URL: `${database.url}?sslmode=verify-full` }
    expect(wrong(await doctor(env))[0]).toMatchObject({ severity: 'error', cure: expect.stringContaining('sslmode=disable') as string })
    expect(await runCommand(['setup'], { config: CONFIG, env })).toMatchObject({ code: 1, notes: [expect.stringContaining('sslmode=disable')] })
  })

  it('names a Redis that does not answer', { timeout: 60_000 }, async () => {
    const run = await doctor({ REDIS_URL: 'redis://127.0.0.1:1' })
    expect(run.code).toBe(1)
    expect(wrong(run)).toMatchObject([
      {
        severity: 'error',
        area: 'log',
        message: expect.stringMatching(/^The change log cannot be used: .*ECONNREFUSED 127\.0\.0\.1:1\.$/) as string,
        cure: 'Check that Redis runs, and that `redis.url` (or REDIS_URL) names its host and port.',
      },
    ])
  })

  it('names a stream of Debezium that lacks the ends of transactions', async () => {
    const name = `doctor:${randomUUID()}`
    const change = { op: 'c', after: {}, source: { schema: 'public', table: 'Task', txId: 1, lsn: 1 }, transaction: { total_order: 1 } }
    await askRedis('XADD', name, '1-0', 'key', '{"id":1}', 'value', JSON.stringify(change))
    const config = `${CONFIG}, capture: false, redis: { url: '${inject('redisUrl')}', name: '${name}' }`
    const found = async (): Promise<unknown[]> => wrong(await doctor({}, config)).filter(({ message }) => message.includes('Debezium'))
    expect(await found()).toMatchObject([
      { severity: 'warning', area: 'log', message: expect.stringMatching(/overdue.*<topic\.prefix>\.transaction/) as string },
    ])
    await askRedis('XADD', name, '2-0', 'key', '{"id":"1:2"}', 'value', '{"status":"END","id":"1:2"}')
    expect(await found()).toEqual([])
    await askRedis('DEL', name)
  })

  it('says what is missing where no database or no configuration is named', async () => {
    expect(await runCommand(['doctor'])).toMatchObject({ code: 1, notes: [expect.stringContaining('Set DATABASE_URL')] })
    expect(await runCommand(['doctor', '--config', 'nowhere.ts'])).toMatchObject({ code: 1, notes: [expect.stringContaining('nowhere.ts')] })
    expect(await runCommand(['doctor', '--unknown'])).toMatchObject({ code: 2 })
    expect(await runCommand(['dance'])).toMatchObject({ code: 2, notes: [expect.stringContaining('"dance" is not a command')] })
  })
})

describe('doctor, on a server that is not set up', () => {
  it('names a wal_level that is not logical, slots that are all taken, and WAL that nothing bounds', async () => {
    const server = await startPostgres({ settings: { wal_level: 'replica', max_replication_slots: '1' } })
    try {
      const database = await workspaceDatabase(server.url)
      await database.sql(`SELECT pg_create_physical_replication_slot('another')`)
      const run = await runCommand(['doctor', '--json'], { config: CONFIG, env: { DATABASE_URL: database.url } })
      // Nothing is prepared that could not be finished.
      for (const command of [['setup'], ['slot', 'create']]) {
        const refused = await runCommand(command, { config: CONFIG, env: { DATABASE_URL: database.url } })
        expect(refused).toMatchObject({ code: 1, lines: [], notes: [expect.stringMatching(/"replica".*ALTER SYSTEM SET wal_level = logical/)] })
      }
      expect(await database.sql('SELECT pubname FROM pg_publication')).toEqual([])
      await database.close()
      expect(run.code).toBe(1)
      const found = wrong(run)
      expect(found[0]).toMatchObject({
        severity: 'error',
        message: expect.stringContaining('wal_level is "replica"') as string,
        cure: expect.stringContaining('ALTER SYSTEM SET wal_level = logical') as string,
      })
      expect(found).toContainEqual(
        expect.objectContaining({
          severity: 'error',
          message: 'All 1 replication slots are taken.',
          cure: expect.stringContaining('max_replication_slots') as string,
        }),
      )
      expect(found).toContainEqual(
        expect.objectContaining({
          severity: 'warning',
          message: expect.stringContaining('Nothing bounds the WAL') as string,
          cure: expect.stringContaining('ALTER SYSTEM SET max_slot_wal_keep_size') as string,
        }),
      )
    } finally {
      await server.stop()
    }
  })
})

describe('doctor, with a Redis that is too old', () => {
  let redis: Server
  beforeAll(async () => {
    redis = createServer((socket) => {
      socket.on('error', () => {})
      // As much of Redis 5 as the log asks for before it gives up.
      socket.on('data', (data) => {
        for (const command of commandsIn(data.toString())) socket.write(replyOf(command))
      })
    })
    await new Promise<void>((resolve) => redis.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => new Promise((resolve) => redis.close(resolve)))

  it('says which version is needed', async () => {
    const { port } = redis.address() as AddressInfo
    const database = await workspaceDatabase(inject('postgresUrl'))
    const run = await runCommand(['doctor', '--json'], {
      config: `${CONFIG}, slot: 'doctor_redis'`,
      env: { DATABASE_URL: database.url, REDIS_URL: `redis://127.0.0.1:${port}` },
    })
    await database.close()
    expect(run.code).toBe(1)
    expect(wrong(run)).toContainEqual({
      severity: 'error',
      area: 'log',
      message: 'The change log cannot be used: Redis 5.0.14 is too old: trimming by id needs 6.2.',
      cure: 'Use Redis 6.2 or newer, or Valkey.',
    })
  })
})

async function askRedis(...words: string[]): Promise<void> {
  const { hostname, port } = new URL(inject('redisUrl'))
  const socket = connect(Number(port), hostname)
  socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`)
  const [reply] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  expect(reply.toString()).not.toMatch(/^-/)
}

function commandsIn(text: string): string[] {
  const parts = text.split('\r\n')
  return parts.flatMap((part, index) => (/^\*\d+$/.test(part) ? [(parts[index + 2] ?? '').toUpperCase()] : []))
}

function replyOf(command: string): string {
  if (command === 'INFO') {
    const info = '# Server\r\nredis_version:5.0.14\r\nredis_mode:standalone\r\nloading:0\r\n'
    return `$${info.length}\r\n${info}\r\n`
  }
  if (command === 'COMMAND') return '*0\r\n'
  return command === 'HELLO' ? '-ERR unknown command `HELLO`\r\n' : '+OK\r\n'
}
