import type { Limits } from '@zenstack-live/protocol'

/** Streams that drain end this far apart, where there is time for it. */
const DRAIN_STEP_MS = 20
/** Of the time there is; the rest is for what they are sent last. */
const DRAIN_SHARE = 0.8

/** Over what time so many streams are let go, which is within `drainDeadlineMs`. */
export function drainSpanMs(streams: number, { drainDeadlineMs }: Pick<Limits, 'drainDeadlineMs'>): number {
  return Math.min(DRAIN_STEP_MS * streams, drainDeadlineMs * DRAIN_SHARE)
}

/**
 * Calls once for each item, evenly spread over a time, in their order. Many share a moment where timers are too coarse for one each.
 *
 * @param isDue - whether an item still wants its call; no time is spent on those that do not
 */
export async function spreadOver<Item>(
  items: readonly Item[],
  spanMs: number,
  call: (item: Item) => void,
  isDue: (item: Item) => boolean,
): Promise<void> {
  const beganAtMs = performance.now()
  for (const [index, item] of items.entries()) {
    if (!isDue(item)) continue
    const waitMs = beganAtMs + (spanMs * index) / items.length - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    call(item)
  }
}
