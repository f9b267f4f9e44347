import type { CapturedTable } from '@zenstack-live/cdc'
import { createDataModel, readCatalog, type DataModel } from '@zenstack-live/model'
import pg from 'pg'
import { capturedTables } from './captured-tables.ts'
import type { LoadedConfig } from './load-config.ts'

/** What the commands about the capture work on. */
export interface CaptureTarget {
  url: string
  slot: string
  publication: string
}

/** @throws {TypeError} when no database is named */
export function captureTarget(config: LoadedConfig): CaptureTarget {
  const url = config.database?.url
  if (url === undefined || url === '') throw new TypeError('No database is named. Set DATABASE_URL, or `database: { url }` in the configuration.')
  return { url, slot: config.slot ?? 'zenstack_live', publication: config.publication ?? 'zenstack_live' }
}

/** The schema against its database, and what of it the capture takes. */
export async function readCaptured(config: LoadedConfig, url: string): Promise<{ data: DataModel; tables: CapturedTable[] }> {
  const client = new pg.Client({ connectionString: url, application_name: 'zenstack-live', connectionTimeoutMillis: 15_000 })
  await client.connect()
  try {
    const catalog = await readCatalog(async (sql, parameters) => (await client.query<Record<string, unknown>>(sql, parameters)).rows)
    const data = createDataModel(config.schema, catalog)
    return { data, tables: capturedTables(data, config) }
  } finally {
    await client.end()
  }
}
