import { createDataModel, decodeRow, readCatalog, rowKey, type DataModel, type StoredRow } from '@zenstack-live/model'
import type { RawRow } from '@zenstack-live/protocol'
import { ZenStackClient, type ClientContract } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import type { SchemaDef } from '@zenstackhq/schema'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import pg from 'pg'
import { captureRows, type RawChange } from './capture-rows.ts'
import { createTables, tableOf } from './create-tables.ts'

export type Client = ClientContract<SchemaDef>

/** A database with rows, what ZenStack says about them, and the same rows as the change stream brought them. */
export interface Oracle {
  readonly pool: pg.Pool
  /** Fills tables by name; then {@link capture} gives the rows. */
  insert(table: string, columns: readonly string[], rows: readonly (readonly (string | null)[])[]): Promise<void>
  /** Everything inserted so far, by `schema.table`. */
  capture(): Promise<(table: string) => RawRow[]>
  /** Everything changed so far, by `schema.table`. */
  captureChanges(): Promise<(table: string) => RawChange[]>
  /** A client with the policy plugin. */
  client(schema: SchemaDef): Client
  dataModel(schema: SchemaDef): Promise<DataModel>
  close(): Promise<void>
}

export async function openOracle(url: string, schema: SchemaDef): Promise<Oracle> {
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  // The server may end before idle connections do.
  pool.on('error', () => undefined)
  for (const statement of createTables(schema)) await pool.query(statement)
  const tables = Object.values(schema.models).map((model) => {
    const [schemaName = '', name = ''] = tableOf(schema, model).replaceAll('"', '').split('.')
    return { schema: schemaName, name }
  })
  const capture = await captureRows(url, tables, `oracle_${new URL(url).pathname.slice(-8)}`)
  return {
    pool,
    async insert(table, columns, rows) {
      const names = columns.map((name) => `"${name}"`).join()
      for (const row of rows) await pool.query(`INSERT INTO ${table} (${names}) VALUES (${row.map((_, index) => `$${index + 1}`).join()})`, [...row])
    },
    async capture() {
      await capture.caughtUp()
      return (table) => capture.take(table).flatMap(({ after }) => (after === null ? [] : [after]))
    },
    async captureChanges() {
      await capture.caughtUp()
      return (table) => capture.take(table)
    },
    client: (given) => new ZenStackClient(given, { dialect: new PostgresDialect({ pool }) } as never).$use(new PolicyPlugin()) as unknown as Client,
    dataModel: async (given) =>
      createDataModel(given, await readCatalog(async (sql, parameters) => (await pool.query(sql, parameters)).rows as Record<string, unknown>[])),
    async close() {
      await capture.close()
      await pool.query(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active`)
      await pool.end()
    },
  }
}

/** Rows of a model with their keys, the last change of each key winning. */
export function rowsOf(data: DataModel, model: string, raw: readonly RawRow[]): { key: string; row: StoredRow }[] {
  const known = data.models.get(model)
  if (known === undefined) return []
  return raw.map((each) => {
    const row = decodeRow(known, each)
    return { key: rowKey(known, row), row }
  })
}
