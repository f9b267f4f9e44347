import { sql, type SQL } from 'drizzle-orm'
import type { OpenWriter, ReadRequest, StoredEvent } from '../store.ts'
import { quoteLiteral, type TableInfo } from '../table-config.ts'
import { queryRows, type EventDatabase } from './database.ts'
import { itemSql } from './filter-sql.ts'
import { EVENT_COLUMNS, parseEventRow, parseText } from './rows.ts'

/** Reads events in one statement, and so in one snapshot. */
export async function readEvents(db: EventDatabase, events: TableInfo, request: ReadRequest): Promise<StoredEvent[]> {
  return (await queryRows(db, readSql(events, request))).map(parseEventRow)
}

/**
 * Every transaction that may have drawn a position holds ROW EXCLUSIVE on the table since before it drew it, until it
 * has ended and its rows are visible. This also holds for writers that know nothing of this package.
 *
 * A prepared transaction is named by its transaction id: after a restart of the server it has no virtual one any more.
 */
export async function readOpenWriters(db: EventDatabase, events: TableInfo): Promise<OpenWriter[]> {
  const table = quoteLiteral(events.sqlName)
  const rows = await queryRows(
    db,
    sql.raw(`WITH held AS MATERIALIZED (SELECT * FROM pg_locks WHERE granted AND pid IS DISTINCT FROM pg_backend_pid())
      SELECT DISTINCT coalesce('prepared ' || own.transactionid, writer.virtualtransaction) AS id, writer.pid IS NULL AS is_prepared
      FROM held AS writer LEFT JOIN held AS own ON writer.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid'
        AND own.virtualtransaction = writer.virtualtransaction
      WHERE writer.locktype = 'relation' AND writer.mode = 'RowExclusiveLock'
        AND writer.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND writer.relation IN (SELECT ${table}::regclass UNION ALL SELECT relid FROM pg_partition_tree(${table}::regclass))`),
  )
  return rows.map((row) => ({ id: parseText(row['id'], 'id'), isPrepared: row['is_prepared'] === true }))
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
