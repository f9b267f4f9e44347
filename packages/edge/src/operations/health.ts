import type { ChangeLog } from '@zenstack-live/change-log'
import type { EdgeDatabase } from '../database/edge-database.ts'
import type { ReaderDistance } from './prometheus-text.ts'

/** Whether an edge can serve newcomers, and if not, why. */
export interface Health {
  readonly isReady: boolean
  /** Fixed sentences: safe to show. */
  readonly reasons: readonly string[]
}

/** A probe that waits longer is taken for no. */
const PATIENCE_MS = 3_000
const EPOCH_BITS = 52n

/** Asks the log and the database whether they answer. */
export async function checkHealth(parts: { log: ChangeLog; database: EdgeDatabase; isDraining: boolean }): Promise<Health> {
  const [log, database] = await Promise.all([answers(parts.log.state()), answers(parts.database.query('SELECT 1'))])
  const reasons = [
    ...(parts.isDraining ? ['The edge is draining.'] : []),
    ...(log ? [] : ['The change log does not answer.']),
    ...(database ? [] : ['The database does not answer.']),
  ]
  return { isReady: reasons.length === 0, reasons }
}

export async function readerDistances(log: ChangeLog): Promise<ReaderDistance[]> {
  const [{ newest }, readers] = await Promise.all([log.state(), log.readers.list()])
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

async function answers(promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise.then(() => true), late])
  } catch {
    return false
  } finally {
    clearTimeout(timer)
  }
}
