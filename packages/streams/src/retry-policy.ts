import { errorText } from './error-text.ts'
import { guardCallback } from './guard-callback.ts'
import type { StreamLimits } from './limits.ts'
import type { RetryPolicy } from './reader/reader-config.ts'
import type { DeliveryFailure, HandleSettings } from './stream-options.ts'

/** What the policy of one handler is made of besides its settings. */
export interface RetryScope {
  /** Of the stream. */
  id: string
  limits: StreamLimits
  /** Never throws. */
  warn: (message: string) => void
}

/**
 * How often a handler that fails is called again, and when. A mistake in what the application gave besides its handler costs an event no
 * delivery: it is said, and passed over.
 *
 * @throws {TypeError} for numbers that are none
 */
export function createRetryPolicy(settings: HandleSettings, { id, limits, warn }: RetryScope): RetryPolicy {
  const maxDeliveries = settings.maxDeliveries ?? limits.maxDeliveries
  if (!Number.isInteger(maxDeliveries) || maxDeliveries < 1) throw new TypeError(`An event is delivered at least once, not ${maxDeliveries} times.`)
  const maxDeadLetters = settings.maxDeadLetters ?? limits.maxDeadLetters
  if (!Number.isInteger(maxDeadLetters) || maxDeadLetters < 1) throw new TypeError(`A stream keeps at least one dead letter, not ${maxDeadLetters}.`)
  const backoff = settings.backoff ?? ((deliveries) => fullJitter(deliveries, limits))
  const onFailure = settings.onFailure ?? ((failure) => warn(describeFailure(failure, maxDeliveries)))
  const warnOf = (name: string, error: unknown): void => warn(`\`${name}\` of the stream "${id}" failed: ${errorText(error)}`)
  return {
    maxDeliveries,
    maxDeadLetters,
    backoff(deliveries) {
      try {
        return milliseconds(backoff(deliveries))
      } catch (error) {
        warnOf('backoff', error)
        return limits.maxBackoffMs
      }
    },
    onFailure: guardCallback(onFailure, (error) => warnOf('onFailure', error)),
  }
}

/** Timers take a longer pause for none at all. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** What JavaScript does not check: a timer takes whatever is no number for none at all. @throws {TypeError} */
function milliseconds(pause: unknown): number {
  if (typeof pause === 'number' && !Number.isNaN(pause)) return Math.min(Math.max(0, pause), MAX_TIMER_MS)
  // It may be a promise, and reject.
  Promise.resolve(pause).catch(() => undefined)
  throw new TypeError(`A pause is a number of milliseconds, not ${errorText(pause)}.`)
}

/** Without the row's key: logs are read by others than databases are. */
function describeFailure({ id, position, error, deliveries, isDead }: DeliveryFailure, maxDeliveries: number): string {
  const what = isDead
    ? 'It is a dead letter now: `zenstack-live streams` lists it.'
    : `Delivery ${deliveries} of ${maxDeliveries}; it is tried again.`
  return `The handler of "${id}" failed at ${position}: ${errorText(error)}. ${what}`
}

/** At least half of it, so that a retry never comes at once. */
function fullJitter(deliveries: number, { minBackoffMs, maxBackoffMs }: StreamLimits): number {
  return Math.min(maxBackoffMs, minBackoffMs * 2 ** (deliveries - 1)) * (0.5 + Math.random() / 2)
}
