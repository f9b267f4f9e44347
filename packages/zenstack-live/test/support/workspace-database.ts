import { createDatabase } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'

export interface WorkspaceDatabase {
  url: string
  sql: (text: string) => Promise<Record<string, unknown>[]>
  close: () => Promise<void>
}

/** An empty database with the tables of the workspace schema. */
export async function workspaceDatabase(serverUrl: string): Promise<WorkspaceDatabase> {
  const url = await createDatabase(serverUrl)
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => {})
  await new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$pushSchema()
  return {
    url,
    sql: async (text) => (await pool.query<Record<string, unknown>>(text)).rows,
    close: () => pool.end(),
  }
}
