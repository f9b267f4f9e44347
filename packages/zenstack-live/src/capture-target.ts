import { DEFAULT_CAPTURE_NAME, type CapturedTable } from '@zenstack-live/cdc'
import type { DataModel } from '@zenstack-live/model'
import { capturedTables } from './captured-tables.ts'
import type { LoadedConfig } from './load-config.ts'
import { readDataModel } from './read-data-model.ts'

/** What the commands about the capture work on. */
export interface CaptureTarget {
  url: string
  slot: string
  publication: string
}

/** @throws {TypeError} when no database is named, or not as Postgres' own tools name theirs */
export function captureTarget(config: LoadedConfig): CaptureTarget {
  const url = config.database?.url
  if (url === undefined || url === '') throw new TypeError('No database is named. Set DATABASE_URL, or `database: { url }` in the configuration.')
  // Without the value: it holds a password.
  if (!/^(postgres(ql)?:|socket:|\/)/.test(url))
    throw new TypeError(
      'The database URL (`database.url`, or DATABASE_URL) is not one of Postgres. Such a URL begins with `postgres://` or `postgresql://`.',
    )
  return { url, slot: config.slot ?? DEFAULT_CAPTURE_NAME, publication: config.publication ?? DEFAULT_CAPTURE_NAME }
}

/**
 * The slot that a database is prepared with. With `capture: false` there is none: another program reads changes through one of its own,
 * and ours, which nobody reads, would hold back WAL for ever.
 */
export function preparedSlot(config: LoadedConfig, { slot }: CaptureTarget): string | false {
  return config.capture === false ? false : slot
}

/** The schema against its database, and what of it the capture takes. */
export async function readCaptured(config: LoadedConfig, url: string): Promise<{ data: DataModel; tables: CapturedTable[] }> {
  const data = await readDataModel(config.schema, url)
  return { data, tables: capturedTables(data, config) }
}
