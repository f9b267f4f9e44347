import { TYPE_DDL, typeTable } from './type-cases.ts'

/** Too large, and too random, to be kept in its row. */
const LARGE = `(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 90) i)`
const TYPES = typeTable('all_types')

export const SCENARIO_TABLES = [
  'all_types',
  'task',
  'kept',
  'keyed',
  'toast',
  'toast_default',
  'toast_nothing',
  'pair_key',
  'unique_key',
  'no_key',
  'Quo"ted',
  'parts',
  'swap',
].map((name) => ({ schema: 'public', name }))

/** Tables that show what a replica identity does to events. */
export const SCENARIO_DDL = `${TYPE_DDL}; ${TYPES.create};
CREATE TABLE task (id int PRIMARY KEY, title text NOT NULL, done bool DEFAULT true, n int DEFAULT 5);
CREATE TABLE kept (id int PRIMARY KEY, a int NOT NULL, b text NOT NULL, c timestamptz NOT NULL, d date NOT NULL, e numeric NOT NULL,
  f bool NOT NULL, g text, h jsonb NOT NULL, i uuid NOT NULL, j int[] NOT NULL, k bytea NOT NULL, l timetz NOT NULL, m float8 NOT NULL);
CREATE TABLE keyed (id int PRIMARY KEY, code text NOT NULL UNIQUE, v text);
CREATE TABLE toast (id int PRIMARY KEY, big text, n int);
CREATE TABLE toast_default (id int PRIMARY KEY, big text, bigs text[], bytes bytea, js jsonb, x xml, num numeric, ints int[], uuids uuid[], n int);
CREATE TABLE toast_nothing (id int PRIMARY KEY, big text, n int);
CREATE TABLE pair_key ("userId" int, "postId" int, v text, PRIMARY KEY ("postId", "userId"));
CREATE TABLE unique_key (a int, b int NOT NULL, v text); CREATE UNIQUE INDEX ON unique_key (b);
CREATE TABLE no_key (a int, b text);
CREATE TABLE "Quo""ted" ("the id" int PRIMARY KEY, "qu""ote" text, "ünï" text);
CREATE TABLE parts (id int, kind text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a'); CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b');
CREATE TABLE swap (id int PRIMARY KEY DEFERRABLE, v text)`

/** Run after the tables were prepared, which sets FULL everywhere. */
export const SCENARIO_IDENTITIES = `ALTER TABLE toast_default REPLICA IDENTITY DEFAULT; ALTER TABLE kept REPLICA IDENTITY DEFAULT;
ALTER TABLE keyed REPLICA IDENTITY USING INDEX keyed_code_key; ALTER PUBLICATION zenstack_live SET (publish = 'insert, update, delete, truncate')`

/** Each its own transaction. */
export const SCENARIO: readonly string[] = [
  TYPES.insert,
  'INSERT INTO all_types (pk) VALUES (2)',
  'UPDATE all_types SET b = NOT b WHERE pk = 1',
  'UPDATE all_types SET pk = 3 WHERE pk = 1',
  'DELETE FROM all_types WHERE pk = 3',
  `INSERT INTO task VALUES (1, 'one', DEFAULT, DEFAULT), (2, 'two', false, NULL), (3, 'three', NULL, 7)`,
  `INSERT INTO task SELECT i, 't' || i FROM generate_series(10, 14) i`,
  `UPDATE task SET title = title || '!' WHERE id > 11`,
  'UPDATE task SET id = id + 100 WHERE id < 3',
  `BEGIN; INSERT INTO task VALUES (50, 'a'); SAVEPOINT s; INSERT INTO task VALUES (51, 'b'); ROLLBACK TO s; INSERT INTO task VALUES (52, 'c'); COMMIT`,
  'DELETE FROM task WHERE id > 50',
  `INSERT INTO kept VALUES (1, 2, 'b', '2020-01-01', '2020-01-01', 1.5, true, 'g', '{}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{1}', '\\x01', '10:00+00', 1.5)`,
  'UPDATE kept SET id = 2',
  'DELETE FROM kept',
  `INSERT INTO keyed VALUES (1, 'x', 'v')`,
  `UPDATE keyed SET v = 'w'`,
  `UPDATE keyed SET code = 'y'`,
  'DELETE FROM keyed',
  `INSERT INTO toast VALUES (1, ${LARGE}, 1)`,
  'UPDATE toast SET n = 2',
  'UPDATE toast SET id = 2',
  `INSERT INTO toast_default VALUES (1, ${LARGE}, ARRAY[${LARGE}], convert_to(${LARGE}, 'UTF8'), to_jsonb(${LARGE}), xmlparse(content ${LARGE}),
     (SELECT string_agg(i::text, '')::numeric FROM generate_series(1, 1500) i), (SELECT array_agg((i * 7919) % 1000003) FROM generate_series(1, 1500) i),
     (SELECT array_agg(md5(i::text)::uuid) FROM generate_series(1, 150) i), 1)`,
  'UPDATE toast_default SET n = 2',
  'UPDATE toast_default SET id = 2',
  `INSERT INTO pair_key VALUES (9, 2, 'a')`,
  `UPDATE pair_key SET v = 'b'`,
  'UPDATE pair_key SET "userId" = 10',
  `INSERT INTO unique_key VALUES (1, 2, 'a')`,
  `UPDATE unique_key SET v = 'b'`,
  'DELETE FROM unique_key',
  `INSERT INTO no_key VALUES (1, 'a'), (1, 'a')`,
  'UPDATE no_key SET a = 2',
  'DELETE FROM no_key',
  `INSERT INTO "Quo""ted" VALUES (1, 'a', 'b')`,
  `INSERT INTO parts VALUES (1, 'a'), (2, 'b')`,
  `UPDATE parts SET kind = 'b' WHERE id = 1`,
  `INSERT INTO swap VALUES (1, 'a'), (2, 'b')`,
  'BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE swap SET id = 3 - id; COMMIT',
  `SELECT pg_logical_emit_message(true, 'foo', 'bar')`,
  `BEGIN; INSERT INTO task VALUES (70, 'x'); SELECT pg_logical_emit_message(true, 'foo', 'baz'); COMMIT`,
  `SELECT pg_logical_emit_message(false, 'foo', 'outside')`,
  'TRUNCATE task, pair_key',
  `INSERT INTO task VALUES (999, 'the end')`,
]
