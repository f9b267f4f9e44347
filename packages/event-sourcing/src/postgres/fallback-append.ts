import { sql } from 'drizzle-orm'
import { IsolationError } from '../errors.ts'
import type { AppendOutcome, AppendRequest } from '../store.ts'
import type { EventSourcingLimits } from '../limits.ts'
import { appendedEvent, parseConflict, type AppendContext } from './append.ts'
import { lockScope } from './append-function.ts'
import { queryRows, type EventDatabase } from './database.ts'
import { itemSql } from './filter-sql.ts'
import { appendLocks, type LockName } from './lock-names.ts'
import { EVENT_COLUMNS, parseEventRow, parseNumber, parseText } from './rows.ts'

/** The same append in separate statements, within a transaction, for databases that lack the function. */
export async function appendWithStatements(
  { db, table, everyWriterIsSerializable }: AppendContext,
  request: AppendRequest,
  limits: EventSourcingLimits,
): Promise<AppendOutcome> {
  if (request.condition !== undefined || request.idempotencyKey !== undefined) await checkIsolation(db, everyWriterIsSerializable)
  await takeLocks(db, lockScope(table), appendLocks(request, table.identifiers, limits.maxLocksPerAppend))
  const from = sql.raw(`FROM ${table.sqlName}`)
  if (request.idempotencyKey !== undefined) {
    const stored = await queryRows(
      db,
      sql`SELECT ${sql.raw(EVENT_COLUMNS)} ${from} WHERE idempotency_key = ${request.idempotencyKey} ORDER BY position`,
    )
    if (stored.length > 0) return { kind: 'duplicate', events: stored.map(parseEventRow) }
  }
  for (const item of request.condition ?? []) {
    const [hit] = await queryRows(db, sql`SELECT id, type, position::float8 AS position ${from} WHERE ${itemSql(item)} ORDER BY position LIMIT 1`)
    if (hit !== undefined) return { kind: 'conflict', conflicting: parseConflict(hit) }
  }
  const inserted = await queryRows(
    db,
    sql`WITH inserted AS (
      INSERT INTO ${sql.raw(table.sqlName)} (id, type, data, metadata, schema_version, idempotency_key, created_at, updated_at)
      SELECT e->>'id', e->>'type', e->'data', nullif(e->'metadata', 'null'), (e->>'schemaVersion')::integer, ${request.idempotencyKey ?? null}::text,
        coalesce((e->>'createdAt')::timestamptz, now()), coalesce((e->>'createdAt')::timestamptz, now())
      FROM jsonb_array_elements(${JSON.stringify(request.events)}::text::jsonb) WITH ORDINALITY AS given(e, n) ORDER BY n
      RETURNING position, created_at
    ) SELECT position::float8 AS position, (extract(epoch FROM created_at) * 1000)::float8 AS created_ms FROM inserted ORDER BY 1`,
  )
  const events = request.events.map((event, index) =>
    appendedEvent(event, parseNumber(inserted[index]?.['position'], 'position'), parseNumber(inserted[index]?.['created_ms'], 'created_at')),
  )
  return { kind: 'appended', events }
}

/** Takes locks in the order in which every append takes them, so that two appends cannot wait for each other. */
export async function takeLocks(db: EventDatabase, scope: string, locks: readonly LockName[]): Promise<void> {
  if (locks.length === 0) return
  const wanted = JSON.stringify(locks.map(({ name, isExclusive }) => ({ name: scope + name, x: isExclusive })))
  await queryRows(
    db,
    sql`SELECT CASE WHEN l.x THEN pg_advisory_xact_lock(l.key) IS NULL ELSE pg_advisory_xact_lock_shared(l.key) IS NULL END AS taken FROM (
      SELECT hashtextextended(name COLLATE "C", 0) AS key, bool_or(x) AS x FROM jsonb_to_recordset(${wanted}::text::jsonb) AS w(name text, x boolean) GROUP BY 1 ORDER BY 1
    ) l`,
  )
}

async function checkIsolation(db: EventDatabase, everyWriterIsSerializable: boolean): Promise<void> {
  const [row] = await queryRows(db, sql.raw(`SELECT current_setting('transaction_isolation') AS isolation`))
  const isolation = parseText(row?.['isolation'], 'isolation')
  if (isolation === 'repeatable read' || (isolation === 'serializable' && !everyWriterIsSerializable)) throw new IsolationError(isolation)
}
