import type { Random } from '../random.ts'
import type { CopyIn } from './copy-in.ts'

export const FUZZ_TABLES = ['alpha', 'beta', 'gamma', 'delta'].map((name) => ({ schema: 'public', name }))

export const FUZZ_DDL = `
CREATE TABLE alpha (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text, n int, amount numeric, flag bool, at timestamp, big text, data jsonb, bytes bytea);
CREATE TABLE beta (a int, b text, v text, tags text[], PRIMARY KEY (b, a));
CREATE TABLE gamma (id int PRIMARY KEY, v text, n int);
CREATE TABLE delta (id int PRIMARY KEY, v text, n int) PARTITION BY RANGE (id);
CREATE TABLE delta_low PARTITION OF delta FOR VALUES FROM (MINVALUE) TO (30);
CREATE TABLE delta_high PARTITION OF delta FOR VALUES FROM (30) TO (MAXVALUE)`

/** Each row as the capture's JSON has it, in SQL. What ALTER changes is only in `gamma`, whose values are the same in both. */
export const FUZZ_ROWS: Readonly<Record<string, string>> = {
  alpha: `SELECT json_build_object('id', id, 'v', v, 'n', n, 'amount', amount::text, 'flag', flag, 'at', (extract(epoch FROM at) * 1000000)::int8,
    'big', big, 'data', data::text, 'bytes', translate(encode(bytes, 'base64'), E'\\n', '')) AS row FROM alpha`,
  beta: `SELECT to_json(beta) AS row FROM beta`,
  gamma: `SELECT to_json(gamma) AS row FROM gamma`,
  delta: `SELECT to_json(delta) AS row FROM delta`,
}

export type Statement = string | CopyIn

const IDS = 60
/** Beyond the ids that the other statements use. */
const COPIED_IDS = 1_000_000
/** Rows that COPY gathers before it writes any: only a longer one leaves something to take back. */
const COPY_BUFFER_ROWS = 1_000

/** One transaction: its statements, in order. Some fail, on purpose: what a failed transaction did must not be seen. */
export function randomTransaction(random: Random): Statement[] {
  if (random.chance(0.04)) return [randomDdl(random)]
  const statements = Array.from({ length: 1 + random.whole(5) }, () => randomStatement(random))
  if (random.chance(0.15)) statements.splice(random.whole(statements.length), 0, 'SAVEPOINT s', randomStatement(random), 'ROLLBACK TO s')
  if (random.chance(0.1)) return ['BEGIN', ...statements, 'ROLLBACK']
  return statements.length === 1 ? statements : ['BEGIN', ...statements, 'COMMIT']
}

function randomStatement(random: Random): Statement {
  if (random.chance(0.12)) return randomCopy(random)
  const id = random.whole(IDS)
  const rows = (count: number): string => `generate_series(${id}, ${id + count - 1}) i`
  return random.pick([
    () => `INSERT INTO alpha SELECT i, ${text(random)}, i * 3, i / 7.0, i % 2 = 0, '2020-01-01'::timestamp + i * interval '1.000001 s', ${large(random)},
             jsonb_build_object('k', i, 'n', null), decode(md5(i::text), 'hex') FROM ${rows(1 + random.whole(8))} ON CONFLICT DO NOTHING`,
    () => `INSERT INTO alpha (id, v) SELECT i, ${text(random)} FROM ${rows(3)} WHERE NOT EXISTS (SELECT FROM alpha WHERE alpha.id = i)`,
    () => `UPDATE alpha SET n = coalesce(n, 0) + 1 WHERE id % ${2 + random.whole(5)} = 0`,
    () => `UPDATE alpha SET v = ${text(random)}, amount = amount * 1.1, flag = NOT flag WHERE id = ${id}`,
    () => `UPDATE alpha SET big = ${large(random)} WHERE id = ${id}`,
    () => `UPDATE alpha SET at = NULL, data = 'null', bytes = NULL WHERE id BETWEEN ${id} AND ${id + 3}`,
    // Two rows change their keys with each other.
    () => `UPDATE alpha SET id = ${id} + ${id + 1} - id WHERE id IN (${id}, ${id + 1})`,
    () => `UPDATE alpha SET id = id + 1000 WHERE id = ${id}`,
    () => `DELETE FROM alpha WHERE id = ${id} OR id > 1000 + ${id}`,
    () => `INSERT INTO beta SELECT i, ${text(random)}, ${large(random)}, ARRAY[${text(random)}, NULL] FROM ${rows(4)} ON CONFLICT DO NOTHING`,
    () => `UPDATE beta SET v = ${text(random)} WHERE a = ${id}`,
    () => `UPDATE beta SET b = b || 'x' WHERE a % 9 = ${id % 9} AND length(b) < 40`,
    () => `DELETE FROM beta WHERE a % 5 = ${id % 5}`,
    () => `INSERT INTO gamma (id, n) SELECT i, i FROM ${rows(4)} ON CONFLICT (id) DO UPDATE SET n = gamma.n + 1`,
    () => `DELETE FROM gamma WHERE id = ${id}`,
    () => `INSERT INTO delta SELECT i, ${text(random)}, 1 FROM ${rows(1 + random.whole(40))} ON CONFLICT DO NOTHING`,
    // Rows go from one partition to the other.
    () => `UPDATE delta SET id = 60 - id WHERE id BETWEEN ${id} AND ${id + 1}`,
    () => `UPDATE delta SET n = coalesce(n, 0) + 1 WHERE id % 4 = ${id % 4}`,
    () => `DELETE FROM delta WHERE id % 5 = ${id % 5}`,
    () => (random.chance(0.15) ? `TRUNCATE ${random.pick(['alpha', 'beta', 'alpha, beta'])}` : `UPDATE gamma SET n = 0 WHERE id = ${id}`),
  ])()
}

/** One in four fails in the middle: a row that is none, or the client gives up. */
function randomCopy(random: Random): CopyIn {
  const fails = random.chance(0.25)
  const count = fails && random.chance(0.5) ? COPY_BUFFER_ROWS + random.whole(500) : 1 + random.whole(30)
  const first = random.chance(0.3) ? random.whole(IDS) : COPIED_IDS + random.whole(COPIED_IDS)
  const rowOf = random.pick<readonly [columns: string, row: (id: number) => string]>([
    [
      'alpha (id, v, n, flag, at, big, bytes)',
      (id) => `${id}\t${copied(random)}\t\\N\tt\t2020-01-01 00:00:00.000001\t${copiedLarge(random)}\t\\\\x00ff`,
    ],
    ['beta (a, b, v)', (id) => `${id}\t${copied(random)}\t${copiedLarge(random)}`],
    ['delta', (id) => `${id}\t${copied(random)}\t${id % 7}`],
  ])
  const rows = Array.from({ length: count }, (_, index) => rowOf[1](first + index))
  const isGivenUp = fails && random.chance(0.5)
  if (fails && !isGivenUp) rows.push('no number')
  return { copy: `COPY ${rowOf[0]} FROM STDIN`, rows, isGivenUp }
}

/** Text as COPY has it: nothing, NULL, what it escapes, and letters of several bytes. */
function copied(random: Random): string {
  return random.pick(['c', '', 'a\\tb\\nc\\\\', 'žš😀', `it's "so"`, String(random.whole(1e9))])
}

function copiedLarge(random: Random): string {
  return random.chance(0.2) ? Array.from({ length: 500 }, () => random.whole(1e9).toString(36)).join('') : 'small'
}

function randomDdl(random: Random): string {
  return random.pick([
    'ALTER TABLE gamma ALTER v TYPE int USING length(v::text)',
    `ALTER TABLE gamma ALTER v TYPE text USING 't' || v`,
    `ALTER TABLE gamma ADD COLUMN extra int DEFAULT 7`,
    'ALTER TABLE gamma DROP COLUMN IF EXISTS extra',
    'ALTER TABLE gamma RENAME n TO n2; ALTER TABLE gamma RENAME n2 TO n',
  ])
}

function text(random: Random): string {
  return random
    .pick([`'a'`, `''`, `'it''s "so" \\ ' || chr(10)`, `'žš' || chr(128512)`, 'NULL', `md5(random()::text)`, `'NULL'`])
    .replace(/^NULL$/, `'n'`)
}

/** Large enough to be stored outside of its row, or not. */
function large(random: Random): string {
  return random.chance(0.3) ? `(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 120))` : `'small'`
}
