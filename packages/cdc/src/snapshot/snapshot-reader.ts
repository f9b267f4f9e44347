import type pg from 'pg'
import type { TableFacts } from '../database/catalog.ts'
import { connectionProblem, createClient, withSettings } from '../database/query.ts'
import { VALUE_SETTINGS } from '../database/session-settings.ts'
import type { CaptureLimits } from '../limits.ts'
import { quoteIdentifier, sqlName } from '../sql-name.ts'

/** The text of one row's values, in the order of the columns, as the stream of changes would carry it. */
export type SnapshotRow = readonly (string | null)[]

export interface SnapshotReader {
  /** Rows of a table, page by page: about `snapshotFetchBytes` each, whatever the size of the rows. */
  pages(table: TableFacts, columns: readonly string[]): AsyncGenerator<SnapshotRow[]>
  close(): Promise<void>
}

export interface SnapshotReaderOptions {
  url: string
  /** As the server exported it; it must still be good. */
  snapshotName: string
  limits: Pick<CaptureLimits, 'databaseTimeoutMs' | 'snapshotFetchRows' | 'snapshotFetchBytes'>
}

/** Rows of the first page of a table, before anything is known of their size. */
const FIRST_ROWS = 16

/** Sees the database as it stood when the snapshot was exported, until it is closed. */
export async function openSnapshotReader(options: SnapshotReaderOptions): Promise<SnapshotReader> {
  const { url, snapshotName, limits } = options
  const client = createClient(url, {
    ...withSettings(url, [...VALUE_SETTINGS, 'idle_in_transaction_session_timeout=0']),
    application_name: 'zenstack-live snapshot',
    connectionTimeoutMillis: limits.databaseTimeoutMs,
    // Values stay the text that Postgres prints.
    types: { getTypeParser: () => (text: string) => text },
  })
  // Shows in the question that fails by it.
  client.on('error', () => {})
  await client.connect().catch((cause: unknown) => {
    throw connectionProblem(url, cause)
  })
  try {
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    await client.query(`SET TRANSACTION SNAPSHOT '${snapshotName.replaceAll("'", "''")}'`)
  } catch (error) {
    await client.end()
    throw error
  }
  return {
    pages: (table, columns) => readPages(client, table, columns, limits),
    close: () => client.end(),
  }
}

async function* readPages(
  client: pg.Client,
  table: TableFacts,
  columns: readonly string[],
  { snapshotFetchRows, snapshotFetchBytes }: SnapshotReaderOptions['limits'],
): AsyncGenerator<SnapshotRow[]> {
  // A partitioned table has its rows in its partitions; the children of another are tables of their own.
  const source = `${table.kind === 'p' ? '' : 'ONLY '}${sqlName(table)}`
  await client.query(`DECLARE snapshot_rows NO SCROLL CURSOR FOR SELECT ${columns.map(quoteIdentifier).join(', ')} FROM ${source}`)
  let count = Math.min(FIRST_ROWS, snapshotFetchRows)
  for (;;) {
    const { rows } = await client.query<(string | null)[]>({ text: `FETCH ${count} FROM snapshot_rows`, rowMode: 'array' })
    if (rows.length > 0) yield rows
    if (rows.length < count) break
    count = nextCount(count, rows, snapshotFetchRows, snapshotFetchBytes)
  }
  await client.query('CLOSE snapshot_rows')
}

/** As many rows of this size as make a page, but growing step by step: the next rows may be larger. */
function nextCount(count: number, rows: readonly SnapshotRow[], fetchRows: number, fetchBytes: number): number {
  const chars = rows.reduce((sum, row) => sum + row.reduce((rowSum, value) => rowSum + (value?.length ?? 0), 1), 0)
  const fitting = Math.floor(fetchBytes / (chars / rows.length))
  return Math.max(1, Math.min(count * 2, fitting, fetchRows))
}
