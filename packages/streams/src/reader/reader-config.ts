import type { ChangeLog } from '@zenstack-live/change-log'
import type { StreamLimits } from '../limits.ts'
import type { Matcher } from '../matcher.ts'
import type { StreamPages } from '../page/stream-pages.ts'
import type { StreamGap } from '../stream-error.ts'
import type { StreamEvent } from '../stream-event.ts'
import type { DeliveryContext, DeliveryFailure, StreamStart } from '../stream-options.ts'

/**
 * What a partition reader does with an event. It is finished when this returns nothing, or resolves; it has to be delivered again when
 * this throws or rejects.
 */
export type Deliver = (event: StreamEvent<unknown>, context: DeliveryContext, isFresh: () => boolean) => Promise<void> | undefined

/** One stream of this process, with everything its partition readers share. */
export interface ReaderConfig {
  id: string
  owner: string
  partitions: number
  start: StreamStart
  leaseMs: number
  log: ChangeLog
  /** Shared by all streams of this process. */
  pages: StreamPages
  limits: StreamLimits
  /** Made anew when the schema of the database changes. */
  createMatcher: () => Promise<Matcher>
  deliver: Deliver
  /** Events delivered at the same time, per partition. */
  concurrency: number
  /** Deliveries are counted, retried and given up, as `live.handle` does; else each is final. */
  retries: RetryPolicy | undefined
  onGap: ((gap: StreamGap) => void | Promise<void>) | undefined
  /** Never throws. */
  onWarning: (message: string) => void
  /** Ends the stream. */
  signal: AbortSignal
}

export interface RetryPolicy {
  maxDeliveries: number
  maxDeadLetters: number
  /** Neither ever throws. */
  backoff: (deliveries: number) => number
  onFailure: ((failure: DeliveryFailure) => void) | undefined
}
