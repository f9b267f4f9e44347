import { sql, type SQL } from 'drizzle-orm'
import { toEventSourcingError } from './database-errors.ts'

/** What this package needs of a Drizzle Postgres database or transaction, of any driver and with any schema. */
export interface EventDatabase {
  execute(query: SQL): PromiseLike<unknown>
  // Drizzle's own signature names the types of each driver.
  transaction(run: (tx: unknown) => Promise<unknown>): Promise<unknown>
}

export type Row = Readonly<Record<string, unknown>>

/** Runs a statement and gives its rows, whatever shape the driver gives them. Errors come as this package's own where it knows them. */
export async function queryRows(db: EventDatabase, query: SQL): Promise<Row[]> {
  let result: unknown
  try {
    result = await db.execute(query)
  } catch (error) {
    throw toEventSourcingError(error)
  }
  // postgres-js gives the rows, node-postgres and PGlite an object that has them.
  const rows: unknown = Array.isArray(result) ? result : Reflect.get(Object(result), 'rows')
  if (!Array.isArray(rows)) throw new TypeError('This Drizzle driver gave neither rows nor { rows }. Use postgres-js, node-postgres or PGlite.')
  return rows
}

/** Runs `run` in a transaction. */
export async function inTransaction<Result>(
  db: EventDatabase,
  run: (tx: EventDatabase) => Promise<Result>,
  isolation: 'READ COMMITTED' | 'SERIALIZABLE' = 'READ COMMITTED',
): Promise<Result> {
  let result: { value: Result } | undefined
  try {
    await db.transaction(async (tx) => {
      if (!isDatabase(tx)) throw new TypeError('This Drizzle driver gave a transaction that cannot execute statements.')
      // Not left to the server's default_transaction_isolation: locks help only a snapshot that is younger than they are.
      await tx.execute(sql.raw(`SET TRANSACTION ISOLATION LEVEL ${isolation}`))
      result = { value: await run(tx) }
    })
  } catch (error) {
    throw toEventSourcingError(error)
  }
  if (result === undefined) throw new TypeError('The Drizzle transaction ended without running its body.')
  return result.value
}

/** The caller's transaction when there is one. */
export function isDatabase(value: unknown): value is EventDatabase {
  return typeof value === 'object' && value !== null && 'execute' in value && typeof value.execute === 'function'
}
