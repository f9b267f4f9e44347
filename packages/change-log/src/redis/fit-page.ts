import type { EntryId } from '@zenstack-live/protocol'
import { FIT } from './append-script.ts'
import { runScript, type RedisClient } from './redis-connection.ts'

export interface PageRequest {
  after: EntryId
  until?: EntryId | undefined
  /** Entries wanted. */
  count: number
  /** Bytes wanted, about. */
  bytes: number
  /** Size of the largest entry that the log ever took; `undefined` where its writer does not note it (Debezium). */
  largest: number | undefined
}

/** Entries that the server looks at in one go when it measures a page. */
const STEP = 16

/**
 * How many entries to ask for, so that a page does not take more memory than it should: Redis bounds a page by count alone. Where even
 * the largest entries fit, nothing has to be measured.
 */
export async function fitPage(redis: RedisClient, stream: string, { after, until, count, bytes, largest }: PageRequest): Promise<number> {
  if (largest !== undefined && largest * count <= bytes) return count
  const step = largest === undefined ? STEP : Math.max(1, Math.min(STEP, Math.floor(bytes / largest)))
  return Number(await runScript(redis, FIT, [stream], [after, until ?? '+', count, bytes, step]))
}

/** The size as the log notes it. */
export function parseLargest(text: unknown): number | undefined {
  return typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : undefined
}
