import { createDatabase } from '@zenstack-live/testing'
import { loadSchema } from '@zenstack-live/testing/oracle'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import pg from 'pg'
import { inject } from 'vitest'

/** A database of its own with the tables of a test's own models. */
export type PoliciedDatabase = Awaited<ReturnType<typeof openPoliciedDatabase>>

/** @param models - in ZModel, with their policies */
export async function openPoliciedDatabase(models: string) {
  const schema = await loadSchema(models)
  const url = await createDatabase(inject('postgresUrl'))
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => {})
  const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) } as never)
  await db.$pushSchema()
  return {
    schema,
    url,
    pool,
    /** The policies hold. */
    bound: db.$use(new PolicyPlugin()),
    sql: async (text: string, parameters: unknown[] = []): Promise<Record<string, unknown>[]> => (await pool.query(text, parameters)).rows,
    close: () => pool.end(),
  }
}
