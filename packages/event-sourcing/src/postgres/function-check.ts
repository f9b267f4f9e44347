import { sql } from 'drizzle-orm'
import { EventSourcingError } from '../errors.ts'
import { quoteLiteral, type TableInfo } from '../table-config.ts'
import { appendFunctionName } from './append-function.ts'
import { queryRows, type EventDatabase } from './database.ts'

/** How long a missing append function is believed to be missing. */
const ABSENT_FUNCTION_TTL_MS = 10_000

/** Knows whether the append function is there, and asks the database only as often as it has to. */
export interface FunctionCheck {
  isInstalled(db: EventDatabase): Promise<boolean>
  forget(): void
}

export function createFunctionCheck(events: TableInfo, isWanted: boolean): FunctionCheck {
  let known: { isInstalled: boolean; readAtMs: number } | undefined
  return {
    async isInstalled(db) {
      if (!isWanted) return false
      if (known !== undefined && (known.isInstalled || Date.now() - known.readAtMs < ABSENT_FUNCTION_TTL_MS)) return known.isInstalled
      known = { isInstalled: await isFunctionInstalled(db, events), readAtMs: Date.now() }
      return known.isInstalled
    },
    forget() {
      known = undefined
    },
  }
}

/** @throws {EventSourcingError} `setup_required` when the installed function locks less than this process relies on. */
async function isFunctionInstalled(db: EventDatabase, events: TableInfo): Promise<boolean> {
  const signature = quoteLiteral(`${appendFunctionName(events)}(jsonb,jsonb,jsonb)`)
  const [row] = await queryRows(
    db,
    sql.raw(`SELECT f.oid IS NOT NULL AS found, obj_description(f.oid, 'pg_proc') AS comment FROM (SELECT to_regprocedure(${signature}) AS oid) f`),
  )
  if (row?.['found'] !== true) return false
  const comment: unknown = JSON.parse(typeof row['comment'] === 'string' ? row['comment'] : '{}')
  const installed = Object(Reflect.get(Object(comment), 'identifiers')) as Readonly<Record<string, unknown>>
  for (const { key, lock } of events.identifiers) {
    // The other way round is harmless: a function that locks more than it is asked to only costs concurrency.
    if (installed[key] === lock || installed[key] === 'exclusive') continue
    throw new EventSourcingError(
      'setup_required',
      `The append function of ${events.sqlName} does not lock identifier "${key}" as this process declares it. Run the migration that eventStoreSql prints, then start again.`,
    )
  }
  return true
}
