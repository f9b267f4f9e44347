import pg from 'pg'

const STATEMENT_TIMEOUT_MS = 5_000
const MAX_ROWS = 50

export interface SqlOutcome {
  command: string
  rowCount: number
  columns: string[]
  rows: unknown[][]
  milliseconds: number
}

/**
 * Runs SQL as the owner of the database, past every policy: this is what a migration, a cron job or a colleague with `psql`
 * does. It exists to show that such changes are live too, and is why the demo listens on the loopback address only.
 */
export async function runSql(databaseUrl: string, sql: string): Promise<SqlOutcome> {
  const client = new pg.Client({ connectionString: databaseUrl, statement_timeout: STATEMENT_TIMEOUT_MS, application_name: 'tandem sql panel' })
  await client.connect()
  try {
    const began = performance.now()
    const results = (await client.query({ text: sql, rowMode: 'array' })) as pg.QueryArrayResult | pg.QueryArrayResult[]
    const milliseconds = performance.now() - began
    const last = Array.isArray(results) ? results.at(-1) : results
    return {
      command: last?.command ?? '',
      rowCount: last?.rowCount ?? 0,
      columns: last?.fields.map((field) => field.name) ?? [],
      rows: last?.rows.slice(0, MAX_ROWS) ?? [],
      milliseconds,
    }
  } finally {
    await client.end()
  }
}
