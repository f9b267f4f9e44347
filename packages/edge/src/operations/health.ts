import type { ChangeLog } from '@zenstack-live/change-log'
import type { EdgeDatabase } from '../database/edge-database.ts'
import type { ReaderDistance } from './prometheus-text.ts'
import { within } from '../within.ts'

/** Whether an edge can serve newcomers, and if not, why. */
export interface Health {
  readonly isReady: boolean
  /** Fixed sentences: safe to show. */
  readonly reasons: readonly string[]
}

/** Who does not answer within this time is taken not to: probes and scrapes do not wait for long. */
const PATIENCE_MS = 3_000
const EPOCH_BITS = 52n

/** Asks the log and the database whether they answer. */
export async function checkHealth(parts: { log: ChangeLog; database: EdgeDatabase; isDraining: boolean }): Promise<Health> {
  const [log, database] = await Promise.all([inTime(parts.log.state()), inTime(parts.database.query('SELECT 1'))])
  const reasons = [
    ...(parts.isDraining ? ['The edge is draining.'] : []),
    ...(log !== undefined ? [] : ['The change log does not answer.']),
    ...(database !== undefined ? [] : ['The database does not answer.']),
  ]
  return { isReady: reasons.length === 0, reasons }
}

/** None while the log does not answer: what else is measured is wanted then most of all. */
export async function readerDistances(log: ChangeLog): Promise<ReaderDistance[]> {
  const answer = await inTime(Promise.all([log.state(), log.readers.list()]))
  if (answer === undefined) return []
  const [{ newest }, readers] = answer
  const end = newest === undefined ? undefined : majorOf(newest)
  return readers.map(({ id, cursor }) => {
    const place = cursor === undefined ? undefined : majorOf(cursor)
    const isComparable = end !== undefined && place !== undefined && end >> EPOCH_BITS !== 0n && place >> EPOCH_BITS === end >> EPOCH_BITS
    return { id, bytes: isComparable ? Number(end > place ? end - place : 0n) : undefined }
  })
}

function majorOf(entry: string): bigint {
  return BigInt(entry.slice(0, entry.indexOf('-')))
}

/** The answer; `undefined` when it fails, or does not come in time. */
export function inTime<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  return within(
    answer.catch(() => undefined),
    PATIENCE_MS,
  )
}
