import type { ClientLimits } from './limits.ts'

/** How long to wait after this many failures. Full jitter: anywhere between nothing and the step, so that a crowd that failed at one moment does not come back at one moment. */
export function backoffMs(failures: number, { minBackoffMs, maxBackoffMs }: ClientLimits, random: () => number): number {
  return random() * Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.min(failures, 16))
}
