import { createDataModel, readCatalog, type DataModel } from '@zenstack-live/model'
import { LiveError } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import pg from 'pg'

const CONNECT_TIMEOUT_MS = 15_000
const CURE = 'Check that it runs, and that `database.url` (or DATABASE_URL) names its host, port, database, user and password.'

/**
 * The schema against its database, over a connection of its own that ends with it.
 *
 * @throws {LiveError} `database_unavailable` when the database does not let it in within 15 seconds
 */
export async function readDataModel(schema: SchemaDef, url: string): Promise<DataModel> {
  const client = new pg.Client({ connectionString: url, application_name: 'zenstack-live', connectionTimeoutMillis: CONNECT_TIMEOUT_MS })
  // One that breaks between two questions fails the next of them.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (cause) {
    throw new LiveError('database_unavailable', `The database cannot be reached: ${reasonOf(cause)}. ${CURE}`, { cause })
  }
  try {
    const catalog = await readCatalog(async (sql, parameters) => (await client.query<Record<string, unknown>>(sql, parameters)).rows)
    return createDataModel(schema, catalog)
  } finally {
    await client.end()
  }
}

/** A name with several addresses, such as `localhost`, fails without a message of its own. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join(', ')
  return cause instanceof Error ? cause.message : String(cause)
}
