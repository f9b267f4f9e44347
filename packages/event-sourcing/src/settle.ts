import { EventSourcingError } from './errors.ts'
import { advanceFence, startFence } from './fence.ts'
import type { EventSourcingLimits } from './limits.ts'
import type { EventStore } from './store.ts'
import { createWaker } from './waker.ts'

/**
 * A position up to which everything is settled, at or beyond every event visible now. Waits for open writers to end.
 *
 * @throws {EventSourcingError} `not_settled` when one is still open after `settleTimeoutMs`.
 */
export async function settledPosition(store: EventStore, limits: EventSourcingLimits, signal?: AbortSignal): Promise<number> {
  const head = await store.head()
  const giveUpAtMs = Date.now() + limits.settleTimeoutMs
  const waker = createWaker()
  let fence = advanceFence(startFence(0), head, await store.openWriters())
  while (fence.settled < head) {
    signal?.throwIfAborted()
    if (Date.now() > giveUpAtMs) {
      throw new EventSourcingError(
        'not_settled',
        `Events up to position ${head} are not settled after ${limits.settleTimeoutMs} ms: a transaction that wrote to the events table is still open.`,
      )
    }
    await waker.pause(limits.minPollIntervalMs, signal)
    fence = advanceFence(fence, head, await store.openWriters())
  }
  return head
}
