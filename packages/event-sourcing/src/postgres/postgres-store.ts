import { sql } from 'drizzle-orm'
import type { EventSourcingLimits } from '../limits.ts'
import { isPinned } from '../query.ts'
import type { AppendOutcome, EventStore, ReadRequest, StoredEvent } from '../store.ts'
import type { TableInfo } from '../table-config.ts'
import { appendWithFunction } from './append.ts'
import { lockScope } from './append-function.ts'
import { inTransaction, isDatabase, queryRows, type EventDatabase } from './database.ts'
import { readEvents, readOpenWriters } from './event-rows.ts'
import { appendWithStatements, takeLocks } from './fallback-append.ts'
import { createFunctionCheck } from './function-check.ts'
import { installSql } from './install.ts'
import { itemLocks } from './lock-names.ts'
import { createProjectionRows } from './projection-rows.ts'
import { EVENT_COLUMNS, parseEventRow, parseNumber } from './rows.ts'

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
  const functionCheck = createFunctionCheck(events, options.useAppendFunction)

  return {
    identifiers: events.identifiers,
    eventsTable: { schema: events.schema ?? 'public', table: events.name },

    append: async (request, tx) => {
      const isInstalled = await functionCheck.isInstalled(on(tx))
      const run = (database: EventDatabase): Promise<AppendOutcome> => {
        const context = { db: database, table: events, everyWriterIsSerializable }
        return isInstalled ? appendWithFunction(context, request) : appendWithStatements(context, request, limits)
      }
      if (isDatabase(tx)) return run(tx)
      if (everyWriterIsSerializable) return inTransaction(db, run, 'SERIALIZABLE')
      return isInstalled ? run(db) : inTransaction(db, run)
    },

    read: (request, tx) => readEvents(on(tx), events, request),
    readSettled: (request, tx) => readSettled(db, events, request, tx),

    async positionOf(eventId, tx) {
      const [row] = await queryRows(on(tx), sql`SELECT position::float8 AS position FROM ${sql.raw(events.sqlName)} WHERE id = ${eventId}`)
      return row === undefined ? undefined : parseNumber(row['position'], 'position')
    },

    async findByKey(idempotencyKey, tx) {
      const rows = await queryRows(
        on(tx),
        sql`SELECT ${sql.raw(EVENT_COLUMNS)} FROM ${sql.raw(events.sqlName)} WHERE idempotency_key = ${idempotencyKey} ORDER BY position`,
      )
      return rows.map(parseEventRow)
    },

    async head(tx) {
      const [row] = await queryRows(on(tx), sql.raw(`SELECT coalesce(max(position), 0)::float8 AS position FROM ${events.sqlName}`))
      return parseNumber(row?.['position'], 'position')
    },

    openWriters: () => readOpenWriters(db, events),
    ...createProjectionRows(projections, on),

    transaction: (run) => inTransaction(db, run),

    async tryLock(name, tx) {
      const [row] = await queryRows(on(tx), sql`SELECT pg_try_advisory_xact_lock(hashtextextended(${`${scope}L:${name}`} COLLATE "C", 0)) AS taken`)
      return row?.['taken'] === true
    },

    lock: (name, tx) => takeLocks(on(tx), scope, [{ name: `L:${name}`, isExclusive: true }]),
    lockAppends: (tx) => takeLocks(on(tx), scope, [{ name: '', isExclusive: true }]),

    async install() {
      for (const statement of installSql(events, projections, limits.maxLocksPerAppend)) await queryRows(db, sql.raw(statement))
      functionCheck.forget()
    },
  }
}

/** Waits for the writers that may still add to what no identifier pins down, and lets new ones in when the read is done. */
async function readSettled(db: EventDatabase, events: TableInfo, request: ReadRequest, tx: unknown): Promise<StoredEvent[]> {
  const open = request.items.filter((item) => !isPinned(item, events.identifiers))
  if (open.length === 0) return readEvents(isDatabase(tx) ? tx : db, events, request)
  const names = [...new Set(open.flatMap((item) => itemLocks(item, events.identifiers)))]
  const behindBarrier = async (database: EventDatabase): Promise<StoredEvent[]> => {
    await takeLocks(
      database,
      lockScope(events),
      names.map((name) => ({ name, isExclusive: true })),
    )
    return readEvents(database, events, request)
  }
  return isDatabase(tx) ? behindBarrier(tx) : inTransaction(db, behindBarrier)
}
