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
