import { setUpCapture, type CaptureOptions } from '@zenstack-live/cdc'
import type { LogEntry } from '@zenstack-live/protocol'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { captureFixture, type CaptureFixture } from './support/capture-fixture.ts'
import { events } from './support/events.ts'

const QUICK: Partial<CaptureOptions> = { limits: { reconcileIntervalMs: 100 } }
/** The catalog is only looked at when the stream says so. */
const NEVER: Partial<CaptureOptions> = { limits: { reconcileIntervalMs: 600_000 } }

let fixture: CaptureFixture
afterEach(() => fixture.close())

async function open(
  ddl = 'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int PRIMARY KEY)',
  tables = ['t', 'other'],
): Promise<CaptureFixture> {
  return (fixture = await captureFixture(inject('postgresUrl'), ddl, tables))
}

const marks = (entries: readonly LogEntry[]): unknown[] =>
  entries.flatMap((entry) => (entry.kind === 'bulk' ? [[entry.reason, ...entry.tables]] : []))

describe('a schema change while the capture runs', () => {
  it('is told in front of the first change that shows it', async () => {
    const { sql, sink, start } = await open()
    const capture = start(NEVER)
    await sql(`INSERT INTO t VALUES (1, 'a')`)
    await capture.caughtUp()
    await sql(`ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 7`)
    await sql(`INSERT INTO t VALUES (2, 'b')`)
    await capture.caughtUp()
    expect(events(sink.entries).map(({ after }) => after)).toEqual([
      { id: 1, v: 'a' },
      { id: 2, v: 'b', n: 7 },
    ])
    const kinds = sink.entries.map(({ kind }) => kind).filter((kind) => kind === 'change' || kind === 'bulk')
    // The first mark is in its place; the second one comes from the catalog, which cannot tell that it is the same change.
    expect(kinds.slice(0, 3)).toEqual(['change', 'bulk', 'change'])
    expect(new Set(marks(sink.entries).map(String))).toEqual(new Set(['schema,public.t']))
  })

  it.each([
    ['a new type of a column', `ALTER TABLE t ALTER v TYPE int USING length(v)`],
    ['a type that went and came back', `ALTER TABLE t ALTER v TYPE int USING length(v); ALTER TABLE t ALTER v TYPE text`],
    ['a column that is gone', 'ALTER TABLE t DROP COLUMN v'],
    ['a column of another name', 'ALTER TABLE t RENAME v TO w'],
    ['another replica identity', 'ALTER TABLE t REPLICA IDENTITY DEFAULT'],
    ['native row-level security', 'ALTER TABLE t ENABLE ROW LEVEL SECURITY'],
    ['a table that is gone', 'DROP TABLE t'],
    ['a table that is no longer logged', 'ALTER PUBLICATION zenstack_live DROP TABLE t; ALTER TABLE t SET UNLOGGED'],
    ['a table that left the publication', 'ALTER PUBLICATION zenstack_live DROP TABLE t'],
    ['a table that left and came back', 'ALTER PUBLICATION zenstack_live DROP TABLE t; ALTER PUBLICATION zenstack_live ADD TABLE t'],
  ])('is told on a quiet database: %s', async (_what, statement) => {
    const { sql, sink, start } = await open()
    const capture = start(QUICK)
    await sql(`INSERT INTO t VALUES (1, 'a')`)
    await capture.caughtUp()
    await sql(statement)
    await sink.until((entries) => marks(entries).length > 0)
    expect(marks(sink.entries)).toContainEqual(['schema', 'public.t'])
    expect(marks(sink.entries).flat()).not.toContain('public.other')
  })

  it('is told for all tables of a publication that leaves changes out', async () => {
    const { sql, sink, start } = await open()
    await start(QUICK).caughtUp()
    await sql(`ALTER PUBLICATION zenstack_live SET (publish = 'insert')`)
    await sink.until((entries) => marks(entries).length > 0)
    expect(marks(sink.entries)).toEqual([['schema', 'public.other', 'public.t']])
  })

  it('is told for partitions that come and go', async () => {
    const { sql, sink, start } = await open('CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)', ['p'])
    await start(QUICK).caughtUp()
    await sql('CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10)')
    await sink.until((entries) => marks(entries).length === 1)
    await sql('INSERT INTO p VALUES (1)')
    await sql('ALTER TABLE p DETACH PARTITION p_1')
    await sink.until((entries) => marks(entries).length === 2)
    expect(events(sink.entries)).toMatchObject([{ op: 'c', table: 'p', key: { id: 1 } }])
  })

  it('is told for a partition that was emptied, which the stream does not tell', async () => {
    const ddl = `CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10);
      CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (10) TO (30) PARTITION BY RANGE (id); CREATE TABLE p_2_1 PARTITION OF p_2 FOR VALUES FROM (10) TO (20);
      CREATE TABLE t (id int PRIMARY KEY)`
    const { sql, sink, start } = await open(ddl, ['p', 't'])
    await sql('INSERT INTO p VALUES (1), (11)')
    await start(QUICK).caughtUp()
    for (const [at, emptied] of ['p_1', 'p_2', 'p_2_1'].entries()) {
      await sql(`TRUNCATE ${emptied}`)
      await sink.until((entries) => marks(entries).length === at + 1)
    }
    expect(marks(sink.entries)).toEqual([
      ['schema', 'public.p'],
      ['schema', 'public.p'],
      ['schema', 'public.p'],
    ])
    // Of other tables the stream tells it.
    await sql('TRUNCATE t')
    await sink.until((entries) => events(entries).some(({ op, table }) => op === 't' && table === 't'))
    await sql('TRUNCATE p_1')
    await sink.until((entries) => marks(entries).length === 4)
    expect(marks(sink.entries).slice(3)).toEqual([['schema', 'public.p']])
  })

  it('reads values with the types of their time', async () => {
    const { sql, sink, start } = await open()
    const capture = start(NEVER)
    await sql(`INSERT INTO t VALUES (1, '41')`)
    await sql('ALTER TABLE t ALTER v TYPE int USING v::int + 1')
    await sql('UPDATE t SET v = v + 1')
    await sql(`CREATE TYPE color AS ENUM ('red')`)
    await sql(`ALTER TABLE t ADD COLUMN c color[]`)
    await sql(`UPDATE t SET c = '{red}'`)
    await capture.caughtUp()
    expect(events(sink.entries).map(({ before, after }) => [before, after])).toEqual([
      [null, { id: 1, v: '41' }],
      [
        { id: 1, v: 42 },
        { id: 1, v: 43 },
      ],
      [
        { id: 1, v: 43, c: null },
        { id: 1, v: 43, c: ['red'] },
      ],
    ])
  })
})

describe('a schema change while no capture runs', () => {
  it('is told when one runs again', async () => {
    const { sql, sink, start } = await open()
    const capture = start(NEVER)
    await sql(`INSERT INTO t VALUES (1, 'a')`)
    await capture.caughtUp()
    await capture.close()
    await sql('ALTER TABLE t ALTER v TYPE int USING length(v)')
    const next = start(NEVER)
    await sink.until((entries) => marks(entries).length === 1)
    expect(marks(sink.entries)).toEqual([['schema', 'public.t']])
    await next.caughtUp()
    await next.close()
    await start(NEVER).caughtUp()
    expect(marks(sink.entries)).toHaveLength(1)
  })

  it('is told for a table that is captured from now on: its changes until now were passed over', async () => {
    const { sql, sink, start, tables } = await open()
    const [t] = tables
    const before = start({ ...NEVER, tables: t === undefined ? [] : [t] })
    await sql('INSERT INTO other VALUES (1)')
    await before.caughtUp()
    await before.close()
    const after = start(NEVER)
    await sink.until((entries) => marks(entries).length > 0)
    await after.caughtUp()
    await after.close()
    await start(NEVER).caughtUp()
    expect(marks(sink.entries)).toEqual([['schema', 'public.other']])
  })

  it('is told for a table whose old changes are still to come, which keep their old look', async () => {
    const { sql, sink, start } = await open()
    await sql(`INSERT INTO t VALUES (1, 'a')`)
    await sql('ALTER TABLE t DROP COLUMN v')
    await sql('INSERT INTO t VALUES (2)')
    await start(NEVER).caughtUp()
    expect(events(sink.entries).map(({ after }) => after)).toEqual([{ id: 1, v: 'a' }, { id: 2 }])
  })
})

describe('setUpCapture', () => {
  it('does nothing the second time, and takes out what is no longer wanted', async () => {
    const { url, slot, tables, sql } = await open()
    expect(await setUpCapture({ url, slot, tables })).toEqual({ statements: [], skipped: [] })
    await sql('CREATE TABLE added (id int PRIMARY KEY)')
    const wanted = [
      { schema: 'public', name: 't' },
      { schema: 'public', name: 'added' },
    ]
    const planned = await setUpCapture({ url, slot, tables: wanted, isDryRun: true })
    const report = await setUpCapture({ url, slot, tables: wanted })
    expect(report).toEqual(planned)
    expect(report.statements).toEqual([
      'ALTER TABLE "public"."added" REPLICA IDENTITY FULL',
      'ALTER PUBLICATION "zenstack_live" ADD TABLE "public"."added"',
      'ALTER PUBLICATION "zenstack_live" DROP TABLE "public"."other"',
    ])
  })

  it('says what cannot be captured', async () => {
    const { url, slot, sql } = await open()
    await sql('CREATE VIEW seen AS SELECT 1 AS id; CREATE UNLOGGED TABLE fast (id int PRIMARY KEY); CREATE TABLE keyless (id int)')
    const tables = ['seen', 'fast', 'keyless', 'nowhere', 't', 'other'].map((name) => ({ schema: 'public', name }))
    const { skipped } = await setUpCapture({ url, slot, tables })
    expect(skipped.map(({ table, reason }) => `${table}: ${reason}`).sort()).toEqual([
      'public.fast: it is unlogged',
      'public.keyless: it has no primary key',
      'public.nowhere: it does not exist',
      'public.seen: it is not a table',
    ])
  })
})
