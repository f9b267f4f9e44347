import { sql, type SQL } from 'drizzle-orm'
import { EventSourcingError } from '../errors.ts'
import type { EventSourcingLimits } from '../limits.ts'
import { isPinned } from '../query.ts'
import type { AppendOutcome, AppendRequest, EventStore, OpenWriter, ProjectionQuery, ProjectionRow, ReadRequest, SaveStatus, StoredEvent } from '../store.ts'
import { quoteLiteral, type TableInfo } from '../table-config.ts'
import { appendWithFunction, type AppendContext } from './append.ts'
import { appendFunctionName, lockScope } from './append-function.ts'
import { inTransaction, isDatabase, queryRows, type EventDatabase } from './database.ts'
import { appendWithStatements, takeLocks } from './fallback-append.ts'
import { filterSql, itemSql } from './filter-sql.ts'
import { installSql } from './install.ts'
import { itemLocks } from './lock-names.ts'
import { EVENT_COLUMNS, parseEventRow, parseNumber, parseProjectionRow, parseText, PROJECTION_COLUMNS } from './rows.ts'

/** Whether an upsert made the row. As text: transaction ids go beyond what an integer holds. */
export const IS_NEW_ROW = `xmax::text = '0'`

/** How long a missing append function is believed to be missing. */
const ABSENT_FUNCTION_TTL_MS = 10_000

export interface PostgresStoreOptions {
  readonly db: EventDatabase
  readonly events: TableInfo
  readonly projections: TableInfo
  readonly limits: EventSourcingLimits
  readonly everyWriterIsSerializable: boolean
  readonly useAppendFunction: boolean
}

/** The event store on Postgres, through any of the Drizzle drivers. */
export function createPostgresStore(options: PostgresStoreOptions): EventStore {
  const { db, events, projections, limits, everyWriterIsSerializable } = options
  const scope = lockScope(events)
  const on = (tx: unknown): EventDatabase => (isDatabase(tx) ? tx : db)
  let functionState: { isInstalled: boolean; readAtMs: number } | undefined

  const hasFunction = async (database: EventDatabase): Promise<boolean> => {
    if (!options.useAppendFunction) return false
    if (functionState !== undefined && (functionState.isInstalled || Date.now() - functionState.readAtMs < ABSENT_FUNCTION_TTL_MS)) return functionState.isInstalled
    functionState = { isInstalled: await isFunctionInstalled(database, events), readAtMs: Date.now() }
    return functionState.isInstalled
  }

  const readIn = async (database: EventDatabase, request: ReadRequest): Promise<StoredEvent[]> =>
    (await queryRows(database, readSql(events, request))).map(parseEventRow)

  return {
    identifiers: events.identifiers,
    eventsTable: { schema: events.schema ?? 'public', table: events.name },

    async append(request: AppendRequest, tx?: unknown): Promise<AppendOutcome> {
      const context: AppendContext = { db: on(tx), table: events, everyWriterIsSerializable }
      const isInstalled = await hasFunction(context.db)
      const run = (database: EventDatabase): Promise<AppendOutcome> =>
        isInstalled ? appendWithFunction({ ...context, db: database }, request) : appendWithStatements({ ...context, db: database }, request, limits)
      if (isDatabase(tx)) return run(tx)
      if (everyWriterIsSerializable) return inTransaction(db, run, 'SERIALIZABLE')
      return isInstalled ? run(db) : inTransaction(db, run)
    },

    read: (request, tx) => readIn(on(tx), request),

    async readSettled(request, tx) {
      const open = request.items.filter((item) => !isPinned(item, events.identifiers))
      if (open.length === 0) return readIn(on(tx), request)
      const names = [...new Set(open.flatMap((item) => itemLocks(item, events.identifiers)))]
      // Waits for the writers that hold these, and lets new ones in again when the read is done.
      const behindBarrier = async (database: EventDatabase): Promise<StoredEvent[]> => {
        await takeLocks(database, scope, names.map((name) => ({ name, isExclusive: true })))
        return readIn(database, request)
      }
      return isDatabase(tx) ? behindBarrier(tx) : inTransaction(db, behindBarrier)
    },

    async positionOf(eventId, tx) {
      const [row] = await queryRows(on(tx), sql`SELECT position::float8 AS position FROM ${sql.raw(events.sqlName)} WHERE id = ${eventId}`)
      return row === undefined ? undefined : parseNumber(row['position'], 'position')
    },

    async findByKey(idempotencyKey, tx) {
      const rows = await queryRows(on(tx), sql`SELECT ${sql.raw(EVENT_COLUMNS)} FROM ${sql.raw(events.sqlName)} WHERE idempotency_key = ${idempotencyKey} ORDER BY position`)
      return rows.map(parseEventRow)
    },

    async head(tx) {
      const [row] = await queryRows(on(tx), sql.raw(`SELECT coalesce(max(position), 0)::float8 AS position FROM ${events.sqlName}`))
      return parseNumber(row?.['position'], 'position')
    },

    openWriters: () => readOpenWriters(db, events),
    findProjections: (query, tx) => findProjections(on(tx), projections, query),
    saveProjections: (rows, { overwrite = false, tx } = {}) => saveProjections(on(tx), projections, rows, overwrite),

    async replaceProjections(from, to, tx) {
      const table = sql.raw(projections.sqlName)
      await queryRows(on(tx), sql`DELETE FROM ${table} WHERE type = ${to}`)
      await queryRows(on(tx), sql`UPDATE ${table} SET type = ${to} WHERE type = ${from}`)
    },

    async deleteProjections(type, tx) {
      await queryRows(on(tx), sql`DELETE FROM ${sql.raw(projections.sqlName)} WHERE type = ${type}`)
    },

    transaction: (run) => inTransaction(db, run),

    async tryLock(name, tx) {
      const [row] = await queryRows(on(tx), sql`SELECT pg_try_advisory_xact_lock(hashtextextended(${`${scope}L:${name}`} COLLATE "C", 0)) AS taken`)
      return row?.['taken'] === true
    },

    lock: (name, tx) => takeLocks(on(tx), scope, [{ name: `L:${name}`, isExclusive: true }]),
    lockAppends: (tx) => takeLocks(on(tx), scope, [{ name: '', isExclusive: true }]),

    async install() {
      for (const statement of installSql(events, projections, limits.maxLocksPerAppend)) await queryRows(db, sql.raw(statement))
      functionState = undefined
    },
  }
}

/** @throws {EventSourcingError} `setup_required` when the installed function locks less than this process relies on. */
async function isFunctionInstalled(db: EventDatabase, events: TableInfo): Promise<boolean> {
  const signature = quoteLiteral(`${appendFunctionName(events)}(jsonb,jsonb,jsonb)`)
  const [row] = await queryRows(db, sql.raw(`SELECT f.oid IS NOT NULL AS found, obj_description(f.oid, 'pg_proc') AS comment FROM (SELECT to_regprocedure(${signature}) AS oid) f`))
  if (row?.['found'] !== true) return false
  const comment: unknown = JSON.parse(typeof row['comment'] === 'string' ? row['comment'] : '{}')
  const installed = Object(Reflect.get(Object(comment), 'identifiers')) as Readonly<Record<string, unknown>>
  for (const { key, lock } of events.identifiers) {
    // The other way round is harmless: a function that locks more than it is asked to only costs concurrency.
    if (installed[key] === lock || installed[key] === 'exclusive') continue
    throw new EventSourcingError('setup_required', `The append function of ${events.sqlName} does not lock identifier "${key}" as this process declares it. Run the migration that eventStoreSql prints, then start again.`)
  }
  return true
}

function readSql(events: TableInfo, request: ReadRequest): SQL {
  const parts: SQL[] = []
  if (request.after !== undefined && request.after > 0) parts.push(sql`position > ${request.after}`)
  if (request.upTo !== undefined) parts.push(sql`position <= ${request.upTo}`)
  const items = request.items.map(itemSql)
  parts.push(items.length === 0 ? sql.raw('false') : sql`(${sql.join(items, sql.raw(' OR '))})`)
  const direction = request.order === 'desc' ? 'DESC' : 'ASC'
  const limit = request.limit === undefined ? sql.raw('') : sql` LIMIT ${request.limit}`
  return sql`SELECT ${sql.raw(EVENT_COLUMNS)} FROM ${sql.raw(events.sqlName)} WHERE ${sql.join(parts, sql.raw(' AND '))} ORDER BY position ${sql.raw(direction)}${limit}`
}

/**
 * Every transaction that may have drawn a position holds ROW EXCLUSIVE on the table since before it drew it, until it
 * has ended and its rows are visible. This also holds for writers that know nothing of this package.
 */
async function readOpenWriters(db: EventDatabase, events: TableInfo): Promise<OpenWriter[]> {
  const table = quoteLiteral(events.sqlName)
  const rows = await queryRows(
    db,
    sql.raw(`SELECT DISTINCT virtualtransaction AS id, pid IS NULL AS is_prepared FROM pg_locks
      WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND relation IN (SELECT ${table}::regclass UNION ALL SELECT relid FROM pg_partition_tree(${table}::regclass))`),
  )
  return rows.map((row) => ({ id: parseText(row['id'], 'virtualtransaction'), isPrepared: row['is_prepared'] === true }))
}

async function findProjections(db: EventDatabase, projections: TableInfo, query: ProjectionQuery): Promise<ProjectionRow[]> {
  const parts = [sql`type = ${query.type}`]
  if (query.ids !== undefined) {
    if (query.ids.length === 0) return []
    parts.push(sql`id IN (${sql.join(query.ids.map((id) => sql`${id}`), sql.raw(', '))})`)
  }
  if (query.filter !== undefined) parts.push(filterSql(sql.raw('data'), query.filter))
  const rows = await queryRows(db, sql`SELECT ${sql.raw(PROJECTION_COLUMNS)} FROM ${sql.raw(projections.sqlName)} WHERE ${sql.join(parts, sql.raw(' AND '))} ORDER BY id`)
  return rows.map(parseProjectionRow)
}

async function saveProjections(db: EventDatabase, projections: TableInfo, rows: readonly ProjectionRow[], overwrite: boolean): Promise<SaveStatus[]> {
  if (rows.length === 0) return []
  const given = JSON.stringify(rows.map((row) => ({ type: row.type, id: row.id, data: row.data, latest_event_id: row.latestEventId, position: row.position })))
  const isNewer = overwrite ? sql.raw('') : sql.raw('WHERE p.position IS NULL OR p.position < excluded.position')
  const saved = await queryRows(
    db,
    sql`INSERT INTO ${sql.raw(projections.sqlName)} AS p (type, id, data, latest_event_id, position)
      SELECT g.type, g.id, g.data, g.latest_event_id, g.position FROM jsonb_to_recordset(${given}::text::jsonb) AS g(type text, id text, data jsonb, latest_event_id text, position bigint) ORDER BY g.type, g.id
      ON CONFLICT (type, id) DO UPDATE SET data = excluded.data, latest_event_id = excluded.latest_event_id, position = excluded.position, updated_at = now() ${isNewer}
      RETURNING type, id, ${sql.raw(IS_NEW_ROW)} AS created`,
  )
  const statuses = new Map(saved.map((row) => [`${String(row['type'])}\n${String(row['id'])}`, row['created'] === true ? 'created' : 'updated'] as const))
  return rows.map((row) => statuses.get(`${row.type}\n${row.id}`) ?? 'skipped')
}
