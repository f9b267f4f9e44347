import { createDatabase } from '@zenstack-live/testing'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { createEventClient, createEventsTable, createProjectionsTable, eventStoreSql, upgradeFromSeedSql } from '../src/index.ts'
import { openDrizzle } from './support/postgres.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const config = { schema: 'my_app', identifiers: ['cartId', `it's`, { key: 'tenantId', lock: 'shared' as const }] }
const events = createEventsTable(config)
const projections = createProjectionsTable({ schema: 'my_app', name: 'views', dataIndexes: ['cartId'] })

describe('the tables', () => {
  const pools: pg.Pool[] = []
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.end()))
  })
  const openDatabase = async (): Promise<pg.Pool> => {
    const pool = new pg.Pool({ connectionString: await createDatabase(inject('postgresUrl')), max: 4 })
    pools.push(pool)
    return pool
  }

  it('are the same from drizzle-kit as from install', async () => {
    const [migrated, installed] = [await openDatabase(), await openDatabase()]
    const folder = mkdtempSync(join(PACKAGE, 'test/seed-readme/generated-kit-'))
    try {
      const source = JSON.stringify(join(PACKAGE, 'src/index.ts'))
      writeFileSync(
        join(folder, 'schema.ts'),
        `import { pgSchema } from 'drizzle-orm/pg-core'\nimport { createEventsTable, createProjectionsTable } from ${source}\nexport const myApp = pgSchema('my_app')\n` +
          `export const events = createEventsTable(${JSON.stringify(config)})\nexport const projections = createProjectionsTable({ schema: 'my_app', name: 'views', dataIndexes: ['cartId'] })\n`,
      )
      const kit = spawnSync(
        process.execPath,
        [
          join(PACKAGE, 'node_modules/drizzle-kit/bin.cjs'),
          'generate',
          '--dialect',
          'postgresql',
          '--schema',
          join(folder, 'schema.ts'),
          '--out',
          `${folder}/out`.replace(PACKAGE, './'),
        ],
        { cwd: PACKAGE, encoding: 'utf8' },
      )
      expect(kit.stderr).toBe('')
      for (const file of readdirSync(join(folder, 'out')).filter((name) => name.endsWith('.sql')))
        await migrated.query(readFileSync(join(folder, 'out', file), 'utf8'))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    for (const statement of eventStoreSql(events, projections)) await installed.query(statement)
    await installed.query('CREATE INDEX "views_data_cartId_idx" ON my_app.views ((data->>\'cartId\'))')
    expect(await describeTables(migrated)).toEqual(await describeTables(installed))
    for (const statement of eventStoreSql(events, projections)) await migrated.query(statement)
    expect(await describeTables(migrated)).toEqual(await describeTables(installed))
  })

  it('take over what the seed made: rows in the order of ids, real schemas, new columns and indexes', async () => {
    const pool = await openDatabase()
    await pool.query(`CREATE TABLE "my_app.events" (id text PRIMARY KEY, type text NOT NULL, data jsonb NOT NULL, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
      CREATE INDEX events_type_idx ON "my_app.events" (type);
      CREATE INDEX "events_data_cartId_idx" ON "my_app.events" ((data->>'cartId'));
      CREATE TABLE "my_app.views" (type text NOT NULL, id text NOT NULL, data jsonb NOT NULL, latest_event_id text NOT NULL, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), CONSTRAINT views_type_id_pk PRIMARY KEY (type, id));
      INSERT INTO "my_app.events" (id, type, data) VALUES ('03', 'B', '{"cartId":"a"}'), ('01', 'A', '{"cartId":"a"}'), ('02', 'A', '{"cartId":"b"}');
      INSERT INTO "my_app.views" (type, id, data, latest_event_id) VALUES ('CART', 'a', '{"n":2}', '03')`)
    for (let time = 0; time < 2; time++) for (const statement of upgradeFromSeedSql(events, projections)) await pool.query(statement)
    const client = createEventClient(openDrizzle(pool), events, projections)
    const read = await client.read({})
    expect(read.events.map(({ id, position, schemaVersion }) => [id, position, schemaVersion])).toEqual([
      ['01', 1, 1],
      ['02', 2, 1],
      ['03', 3, 1],
    ])
    await expect(client.saveEvent({ type: 'A', data: { cartId: 'a' } })).resolves.toMatchObject({ position: 4 })
    await expect(
      client.append({ type: 'A', data: { cartId: 'a' } }, { condition: { failIfEventsMatch: { identifier: { cartId: 'a' } }, after: '03' } }),
    ).rejects.toMatchObject({ code: 'concurrency_conflict' })
    await expect(client.getProjection({ type: 'CART', id: 'a' })).resolves.toEqual({ data: { n: 2 }, latestEventId: '03' })
    const { rows } = await pool.query(`SELECT indexdef FROM pg_indexes WHERE schemaname = 'my_app' AND indexname = 'events_data_cartId_idx'`)
    expect(rows[0].indexdef).toContain(', "position")')
  })

  it('let appends work before the function is there, and use it from then on', async () => {
    const pool = await openDatabase()
    for (const statement of eventStoreSql(events, projections).filter((text) => !/FUNCTION/.test(text))) await pool.query(statement)
    const client = createEventClient(openDrizzle(pool), events, projections)
    await client.saveEvent({ type: 'A', data: { cartId: 'a' } })
    await client.install()
    await client.append({ type: 'A', data: { cartId: 'b', "it's": 1 } }, { condition: { failIfEventsMatch: { identifier: { "it's": 1 } } } })
    await expect(client.append({ type: 'A', data: {} }, { condition: { failIfEventsMatch: { identifier: { "it's": 1 } } } })).rejects.toMatchObject({
      code: 'concurrency_conflict',
    })
    const { rows } = await pool.query(`SELECT count(*)::int AS count FROM pg_proc WHERE proname = 'events_append'`)
    expect(rows).toEqual([{ count: 1 }])
  })

  it('refuse a projection or an identifier without a name', () => {
    expect(() => createEventsTable({ identifiers: [''] })).toThrow(TypeError)
  })
})

async function describeTables(pool: pg.Pool): Promise<unknown> {
  const columns = await pool.query(
    `SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default, is_identity FROM information_schema.columns WHERE table_schema = 'my_app' ORDER BY 2, 3`,
  )
  const indexes = await pool.query(`SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'my_app' ORDER BY 1, 2`)
  return { columns: columns.rows, indexes: indexes.rows }
}
