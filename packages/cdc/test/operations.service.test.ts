import { afterEach, describe, expect, inject, it } from 'vitest'
import type { CapturedTable } from '@zenstack-live/cdc'
import { captureFixture, type CaptureFixture } from './support/capture-fixture.ts'
import { changes, events, type Event } from './support/events.ts'

let fixture: CaptureFixture | undefined
afterEach(async () => {
  await fixture?.close()
  fixture = undefined
})

/** What a capture hands over for these statements, each its own transaction. */
async function captured(ddl: string, tables: (string | CapturedTable)[], statements: string[]): Promise<Event[]> {
  fixture = await captureFixture(inject('postgresUrl'), ddl, tables)
  const capture = fixture.start()
  for (const statement of statements) await fixture.sql(statement)
  await capture.caughtUp()
  return events(fixture.sink.entries)
}

const UNAVAILABLE = '__debezium_unavailable_value'
/** Too large, and too random, to be kept in its row. */
const LARGE = `(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 500) i)`

describe('operations', () => {
  it('splits a change of the key into a delete and a create', async () => {
    expect(
      await captured('CREATE TABLE t (id int PRIMARY KEY, v text)', ['t'], [`INSERT INTO t VALUES (1, 'a')`, 'UPDATE t SET id = 2']),
    ).toMatchObject([
      { op: 'c', key: { id: 1 } },
      { op: 'd', key: { id: 1 }, before: { id: 1, v: 'a' }, after: null },
      { op: 'c', key: { id: 2 }, before: null, after: { id: 2, v: 'a' } },
    ])
    const [, deleted, created] = changes(fixture?.sink.entries ?? [])
    expect([deleted?.isLastOfTransaction, created?.isLastOfTransaction]).toEqual([false, true])
  })

  it('keeps the order in which two rows swap their keys', async () => {
    const swap = 'BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE t SET id = 3 - id; COMMIT'
    const result = await captured('CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, v text)', ['t'], [`INSERT INTO t VALUES (1, 'a'), (2, 'b')`, swap])
    expect(result.slice(2).map(({ op, key, after }) => [op, key, after?.['v']])).toEqual([
      ['d', { id: 1 }, undefined],
      ['c', { id: 2 }, 'a'],
      ['d', { id: 2 }, undefined],
      ['c', { id: 1 }, 'b'],
    ])
  })

  it('writes the key in the order of the primary key, not of the columns', async () => {
    await captured(
      'CREATE TABLE t ("userId" int, "postId" int, v text, PRIMARY KEY ("postId", "userId"))',
      ['t'],
      [`INSERT INTO t VALUES (9, 2, 'a')`],
    )
    expect(changes(fixture?.sink.entries ?? [])[0]?.key).toBe('{"postId":2,"userId":9}')
  })

  it('takes a unique index for the key where there is no primary key, and null where there is neither', async () => {
    const ddl = 'CREATE TABLE u (a int, b int); CREATE UNIQUE INDEX ON u (b); CREATE TABLE n (a int)'
    const result = await captured(ddl, ['u', 'n'], ['INSERT INTO u VALUES (1, 2)', 'INSERT INTO n VALUES (3)', 'DELETE FROM n'])
    expect(result).toMatchObject([
      { table: 'u', key: { b: 2 } },
      { table: 'n', key: null },
      { table: 'n', key: null, op: 'd', before: { a: 3 } },
    ])
  })

  it('carries large values that an update did not touch, since the replica identity is FULL', async () => {
    const [created, updated] = await captured(
      'CREATE TABLE t (id int PRIMARY KEY, big text, n int)',
      ['t'],
      [`INSERT INTO t VALUES (1, ${LARGE}, 1)`, 'UPDATE t SET n = 2'],
    )
    expect(created?.after?.['big']).toHaveLength(16_000)
    expect(updated?.after).toEqual({ ...created?.after, n: 2 })
    expect(updated?.before).toEqual(created?.after)
  })

  it('writes placeholders where the identity is DEFAULT, also when the key changes', async () => {
    const ddl = `CREATE TABLE t (id int PRIMARY KEY, big text, bigs text[], bytes bytea, n int NOT NULL, at timestamptz NOT NULL DEFAULT now())`
    fixture = await captureFixture(inject('postgresUrl'), ddl, ['t'])
    await fixture.sql('ALTER TABLE t REPLICA IDENTITY DEFAULT')
    const capture = fixture.start()
    await fixture.sql(`INSERT INTO t VALUES (1, ${LARGE}, ARRAY[${LARGE}], convert_to(${LARGE}, 'UTF8'), 1)`)
    await fixture.sql('UPDATE t SET n = 2')
    await fixture.sql('UPDATE t SET id = 2')
    await fixture.sql('DELETE FROM t')
    await capture.caughtUp()
    const unsent = { big: UNAVAILABLE, bigs: [UNAVAILABLE], bytes: 'X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==' }
    const absent = { big: null, bigs: null, bytes: null, n: 0, at: '1970-01-01T00:00:00Z' }
    expect(events(fixture.sink.entries).slice(1)).toMatchObject([
      { op: 'u', before: null, after: { id: 1, ...unsent, n: 2 } },
      { op: 'd', before: { id: 1, ...absent } },
      { op: 'c', after: { id: 2, ...unsent, n: 2 } },
      { op: 'd', before: { id: 2, ...absent } },
    ])
  })

  it('knows a large key that an update did not touch', async () => {
    const key = `(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 75) i)`
    const result = await captured(
      'CREATE TABLE t (id text PRIMARY KEY, n int); ALTER TABLE t ALTER id SET STORAGE EXTERNAL',
      ['t'],
      [`INSERT INTO t VALUES (${key}, 1)`, 'UPDATE t SET n = 2'],
    )
    expect(result.map(({ op }) => op)).toEqual(['c', 'u'])
    expect(result[1]?.key).toEqual(result[0]?.key)
  })

  it('tells a truncate once for each table', async () => {
    const result = await captured(
      'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)',
      ['a', 'b'],
      ['INSERT INTO a VALUES (1)', 'TRUNCATE a, b'],
    )
    expect(result.slice(1)).toEqual(['a', 'b'].map((table) => ({ op: 't', table, key: null, before: null, after: null })))
  })

  it('names the root for a change in a partition, and a move between partitions is a delete and a create', async () => {
    const ddl = `CREATE TABLE p (id int, kind text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
      CREATE TABLE p_a PARTITION OF p FOR VALUES IN ('a'); CREATE TABLE p_b PARTITION OF p FOR VALUES IN ('b')`
    const result = await captured(ddl, ['p'], [`INSERT INTO p VALUES (1, 'a')`, `UPDATE p SET kind = 'b'`, 'TRUNCATE p'])
    expect(result).toMatchObject([
      { op: 'c', table: 'p', key: { id: 1, kind: 'a' } },
      { op: 'd', table: 'p', key: { id: 1, kind: 'a' }, before: { id: 1, kind: 'a' } },
      { op: 'c', table: 'p', key: { id: 1, kind: 'b' } },
      { op: 't', table: 'p' },
    ])
  })

  it('leaves out columns that are not captured, and names those that changed', async () => {
    const ddl = 'CREATE TABLE t (id int PRIMARY KEY, open text, secret text, other text)'
    const table: CapturedTable = { schema: 'public', name: 't', columns: ['open'] }
    const statements = [
      `INSERT INTO t VALUES (1, 'a', 'TOP SECRET', 'x')`,
      `UPDATE t SET secret = 'NEW SECRET'`,
      `UPDATE t SET open = 'b'`,
      'DELETE FROM t',
    ]
    expect(await captured(ddl, [table], statements)).toEqual([
      { op: 'c', table: 't', key: { id: 1 }, before: null, after: { id: 1, open: 'a' }, excluded: ['secret', 'other'] },
      { op: 'u', table: 't', key: { id: 1 }, before: { id: 1, open: 'a' }, after: { id: 1, open: 'a' }, excluded: ['secret'] },
      { op: 'u', table: 't', key: { id: 1 }, before: { id: 1, open: 'a' }, after: { id: 1, open: 'b' } },
      { op: 'd', table: 't', key: { id: 1 }, before: { id: 1, open: 'b' }, after: null, excluded: ['secret', 'other'] },
    ])
    expect(JSON.stringify(fixture?.sink.entries, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).not.toContain(
      'SECRET',
    )
  })

  it('hands over what was committed, whatever was rolled back on the way', async () => {
    const ddl = 'CREATE TABLE t (id int PRIMARY KEY, v text)'
    const work = `BEGIN; INSERT INTO t VALUES (1, 'a'); SAVEPOINT s; INSERT INTO t VALUES (2, 'b'); ROLLBACK TO s; INSERT INTO t VALUES (3, 'c'); COMMIT`
    const result = await captured(
      ddl,
      ['t'],
      [
        work,
        `BEGIN; INSERT INTO t VALUES (4, 'd'); ROLLBACK`,
        `BEGIN; INSERT INTO t VALUES (5, 'e'); PREPARE TRANSACTION 'five'`,
        `COMMIT PREPARED 'five'`,
      ],
    )
    expect(result.map(({ key }) => key)).toEqual([{ id: 1 }, { id: 3 }, { id: 5 }])
  })

  it('keeps names as they are', async () => {
    const result = await captured(
      `CREATE TABLE "We ""ird" ("the id" int PRIMARY KEY, "qu""ote" text, "ünï" text)`,
      ['We "ird'],
      [`INSERT INTO "We ""ird" VALUES (1, 'a', 'b')`],
    )
    expect(result).toEqual([{ op: 'c', table: 'We "ird', key: { 'the id': 1 }, before: null, after: { 'the id': 1, 'qu"ote': 'a', ünï: 'b' } }])
  })

  it('does not hand over tables that are in the publication but not captured', async () => {
    fixture = await captureFixture(inject('postgresUrl'), 'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)', ['a', 'b'])
    const capture = fixture.start({ tables: [{ schema: 'public', name: 'b' }] })
    await fixture.sql('INSERT INTO a VALUES (1)')
    await fixture.sql('INSERT INTO b VALUES (2)')
    await capture.caughtUp()
    expect(events(fixture.sink.entries)).toMatchObject([{ table: 'b', key: { id: 2 } }])
  })

  it('puts a message outside of transactions behind the commit before it', async () => {
    fixture = await captureFixture(inject('postgresUrl'), 'CREATE TABLE t (id int PRIMARY KEY)', ['t'])
    const capture = fixture.start({ messagePrefixes: ['foo'] })
    await capture.caughtUp()
    // Nothing else comes in between: the message is emitted before the client hears of the commit.
    const message = `PERFORM pg_logical_emit_message(false, 'foo', 'bar')`
    await fixture.sql(`DO $$ BEGIN FOR i IN 1..20 LOOP INSERT INTO t VALUES (i); COMMIT; ${message}; END LOOP; END $$`)
    await capture.caughtUp()
    const keys = changes(fixture.sink.entries).map(({ key }) => key)
    expect(keys).toEqual(Array.from({ length: 20 }, (_, index) => [`{"id":${index + 1}}`, '{"prefix":"foo"}']).flat())
  })

  it('turns messages of the named prefixes into events, and no others', async () => {
    fixture = await captureFixture(inject('postgresUrl'), 'CREATE TABLE t (id int PRIMARY KEY)', ['t'])
    const capture = fixture.start({ messagePrefixes: ['foo'] })
    await capture.caughtUp()
    await fixture.sql(`SELECT pg_logical_emit_message(true, 'bar', 'secret')`)
    await fixture.sql(`SELECT pg_logical_emit_message(false, 'foo', 'bar')`)
    await fixture.sql(`BEGIN; INSERT INTO t VALUES (1); SELECT pg_logical_emit_message(true, 'foo', 'baz'); COMMIT`)
    await capture.caughtUp()
    const entries = changes(fixture.sink.entries)
    expect(entries.map(({ key, isLastOfTransaction }) => [key, isLastOfTransaction])).toEqual([
      ['{"prefix":"foo"}', true],
      ['{"id":1}', false],
      ['{"prefix":"foo"}', true],
    ])
    expect(JSON.parse(entries[0]?.value ?? '')).toMatchObject({
      op: 'm',
      message: { prefix: 'foo', content: 'YmFy' },
      source: { schema: '', table: '' },
    })
  })
})
