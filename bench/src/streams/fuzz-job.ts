/** What a process of the stream fuzzer is told. */
export interface FuzzJob {
  worker: number
  redisUrl: string
  /** The database's catalog as JSON. */
  catalogFile: string
  /** What the process has to say, a line each: see {@link FuzzLine}. */
  outFile: string
  leaseMs: number
  /** Parts of the id that every process may split otherwise. */
  splitInto: number
  /** Acknowledge some events without handling them. */
  isMutated: boolean
}

/**
 * Monotonic time, id, what happened, and two facts:
 *
 * ```
 *  handled  <key> <rank>
 *  overlap  <key> <rank>         the handler of an event of this row was still running
 *  gap      <after> <resumes after>
 * ```
 */
export type FuzzLine = readonly [time: string, id: string, what: 'handled' | 'overlap' | 'gap', first: string, second: string]

/** One event in so many of the id `poison` fails as often as it is delivered before it is a dead letter. */
export const POISON_EVERY = 10
export const POISON_DELIVERIES = 2
