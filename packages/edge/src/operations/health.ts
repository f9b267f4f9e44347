import type { ChangeLog } from '@zenstack-live/change-log'
import type { EdgeDatabase } from '../database/edge-database.ts'
import type { Distances, ReaderDistance } from './prometheus-text.ts'
import type { CaptureWatch } from '../log/capture-watch.ts'
import { within } from '../within.ts'

/** Whether an edge can serve newcomers, and if not, why. */
export interface Health {
  readonly isReady: boolean
  /** Fixed sentences: safe to show. */
  readonly reasons: readonly string[]
  /** What is wrong though newcomers are served, as such sentences. */
  readonly warnings: readonly string[]
}

/** Who does not answer within this time is taken not to: probes and scrapes do not wait for long. */
const PATIENCE_MS = 3_000
/** A capture that is started anew needs some seconds. */
const LATE_MS = 10_000
const CAPTURE_LATE = 'What is committed has not come into the change log for ten seconds. Is a capture running?'
const EPOCH_BITS = 52n

export interface HealthParts {
  readonly log: ChangeLog
  readonly database: EdgeDatabase
  readonly capture: CaptureWatch
  readonly isDraining: boolean
}

/** Asks the log and the database whether they answer, and whether what is committed to one comes into the other. */
export async function checkHealth(parts: HealthParts): Promise<Health> {
  const [log, database, behindMs] = await Promise.all([
    inTime(parts.log.state()),
    inTime(parts.database.query('SELECT 1')),
    inTime(parts.capture.behindMs()),
  ])
  const reasons = [
    ...(parts.isDraining ? ['The edge is draining.'] : []),
    ...(log !== undefined ? [] : ['The change log does not answer.']),
    ...(database !== undefined ? [] : ['The database does not answer.']),
  ]
  // All edges have one capture: were they not ready without it, nobody would be served what is known.
  const isLate = behindMs !== undefined && behindMs > LATE_MS
  return { isReady: reasons.length === 0, reasons, warnings: isLate ? [CAPTURE_LATE] : [] }
}

/** Without those that nobody answers for now: what else is measured is wanted then most of all. */
export async function measureDistances(log: ChangeLog, edge: { captureBehindMs(): Promise<number> } | undefined): Promise<Distances> {
  const [readers, captureBehindMs] = await Promise.all([readerDistances(log), edge && inTime(edge.captureBehindMs())])
  return { readers, captureBehindMs }
}

async function readerDistances(log: ChangeLog): Promise<ReaderDistance[]> {
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
