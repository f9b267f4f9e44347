import { connectionCure } from '@zenstack-live/cdc'
import { createDataModel, readCatalog, type DataModel } from '@zenstack-live/model'
import { LiveError } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import pg from 'pg'

/** For each answer, also that of a server that is gone without a word. */
const TIMEOUT_MS = 15_000

/**
 * The schema against its database, over a connection of its own that ends with it.
 *
 * @throws {LiveError} `database_unavailable` when the database does not let it in, or does not answer, within 15 seconds
 */
export async function readDataModel(schema: SchemaDef, url: string): Promise<DataModel> {
  const client = await connect(url).catch((cause: unknown) => {
    throw new LiveError('database_unavailable', `The database cannot be reached: ${reasonOf(cause)}. ${connectionCure(cause)}`, { cause })
  })
  try {
    const catalog = await readCatalog(async (sql, parameters) => (await client.query<Record<string, unknown>>(sql, parameters)).rows).catch(
      (cause: unknown) => {
        throw new LiveError('database_unavailable', `The database's catalog cannot be read: ${reasonOf(cause)}.`, { cause })
      },
    )
    return createDataModel(schema, catalog)
  } finally {
    await client.end()
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'zenstack-live',
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  })
  // One that breaks between two questions fails the next of them.
  client.on('error', () => {})
  await client.connect()
  return client
}

/** A name with several addresses, such as `localhost`, fails without a message of its own. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join(', ')
  return cause instanceof Error ? cause.message : String(cause)
}
