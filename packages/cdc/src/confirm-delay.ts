import type { Lsn } from '@zenstack-live/protocol'

/** A place up to which the log has everything. */
export interface KeptPoint {
  lsn: Lsn
  /** The newest commit at or before it, as decimal text; `null` where it is not known. */
  lastCommitLsn: string | null
}

/** Which LSN may be confirmed: what the log has kept for long enough. */
export interface ConfirmDelay {
  /** @param nowMs - on a clock that is never set; so in all calls */
  kept(point: KeptPoint, nowMs: number): void
  /** The newest point that is old enough; never goes back. */
  confirmable(nowMs: number): KeptPoint
}

/** Points closer together than this part of the delay are one: bounds what is remembered to a hundred of them. */
const RESOLUTION = 100

/**
 * @param confirmed - where the slot stands
 * @param delayMs - 0 confirms at once
 */
export function createConfirmDelay(confirmed: KeptPoint, delayMs: number): ConfirmDelay {
  const waiting: { point: KeptPoint; atMs: number }[] = []
  let confirmable = confirmed
  return {
    kept(point, nowMs) {
      const before = waiting.at(-2)
      // Joining an older point moves that point's time on: it only waits longer.
      if (before !== undefined && nowMs - before.atMs < delayMs / RESOLUTION) waiting.pop()
      waiting.push({ point, atMs: nowMs })
    },
    confirmable(nowMs) {
      for (;;) {
        const oldest = waiting[0]
        if (oldest === undefined || nowMs - oldest.atMs < delayMs) return confirmable
        waiting.shift()
        if (oldest.point.lsn > confirmable.lsn) confirmable = oldest.point
      }
    },
  }
}
