import { sql } from 'drizzle-orm'
import type { EventStore, ProjectionQuery, ProjectionRow, SaveStatus } from '../store.ts'
import type { TableInfo } from '../table-config.ts'
import { queryRows, type EventDatabase } from './database.ts'
import { filterSql } from './filter-sql.ts'
import { parseProjectionRow, PROJECTION_COLUMNS } from './rows.ts'

/** Whether an upsert made the row. As text: transaction ids go beyond what an integer holds. */
export const IS_NEW_ROW = `xmax::text = '0'`

/** The part of the store that keeps projections' rows. */
export function createProjectionRows(
  projections: TableInfo,
  on: (tx: unknown) => EventDatabase,
): Pick<EventStore, 'findProjections' | 'saveProjections' | 'replaceProjections' | 'deleteProjections'> {
  const table = sql.raw(projections.sqlName)
  return {
    findProjections: (query, tx) => findProjections(on(tx), projections, query),
    saveProjections: (rows, { overwrite = false, tx } = {}) => saveProjections(on(tx), projections, rows, overwrite),
    async replaceProjections(from, to, tx) {
      await queryRows(on(tx), sql`DELETE FROM ${table} WHERE type = ${to}`)
      await queryRows(on(tx), sql`UPDATE ${table} SET type = ${to} WHERE type = ${from}`)
    },
    async deleteProjections(type, tx) {
      await queryRows(on(tx), sql`DELETE FROM ${table} WHERE type = ${type}`)
    },
  }
}

async function findProjections(db: EventDatabase, projections: TableInfo, query: ProjectionQuery): Promise<ProjectionRow[]> {
  const parts = [sql`type = ${query.type}`]
  if (query.ids !== undefined) {
    if (query.ids.length === 0) return []
    parts.push(
      sql`id IN (${sql.join(
        query.ids.map((id) => sql`${id}`),
        sql.raw(', '),
      )})`,
    )
  }
  if (query.filter !== undefined) parts.push(filterSql(sql.raw('data'), query.filter))
  const rows = await queryRows(
    db,
    sql`SELECT ${sql.raw(PROJECTION_COLUMNS)} FROM ${sql.raw(projections.sqlName)} WHERE ${sql.join(parts, sql.raw(' AND '))} ORDER BY id`,
  )
  return rows.map(parseProjectionRow)
}

async function saveProjections(db: EventDatabase, projections: TableInfo, rows: readonly ProjectionRow[], overwrite: boolean): Promise<SaveStatus[]> {
  if (rows.length === 0) return []
  const given = JSON.stringify(
    rows.map((row) => ({ type: row.type, id: row.id, data: row.data, latest_event_id: row.latestEventId, position: row.position })),
  )
  const isNewer = overwrite ? sql.raw('') : sql.raw('WHERE p.position IS NULL OR p.position < excluded.position')
  const saved = await queryRows(
    db,
    sql`INSERT INTO ${sql.raw(projections.sqlName)} AS p (type, id, data, latest_event_id, position)
      SELECT g.type, g.id, g.data, g.latest_event_id, g.position FROM jsonb_to_recordset(${given}::text::jsonb) AS g(type text, id text, data jsonb, latest_event_id text, position bigint) ORDER BY g.type, g.id
      ON CONFLICT (type, id) DO UPDATE SET data = excluded.data, latest_event_id = excluded.latest_event_id, position = excluded.position, updated_at = now() ${isNewer}
      RETURNING type, id, ${sql.raw(IS_NEW_ROW)} AS created`,
  )
  const statuses = new Map(
    saved.map((row) => [`${String(row['type'])}\n${String(row['id'])}`, row['created'] === true ? 'created' : 'updated'] as const),
  )
  return rows.map((row) => statuses.get(`${row.type}\n${row.id}`) ?? 'skipped')
}
