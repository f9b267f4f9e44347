import { isRetryable } from './errors.ts'
import { advanceFence, isUnfenced, skipContiguous, startFence, type FenceState } from './fence.ts'
import type { EventSourcingLimits } from './limits.ts'
import type { EventStore, NormalItem, StoredEvent } from './store.ts'
import type { Waker } from './waker.ts'

export interface TailOptions {
  readonly store: EventStore
  readonly items: readonly NormalItem[]
  /** Only events after this position. */
  readonly from: number
  readonly limits: EventSourcingLimits
  readonly waker: Waker
  readonly signal?: AbortSignal | undefined
}

/** Events that are settled, and the position up to which there are no others. */
export interface TailPage {
  readonly events: readonly StoredEvent[]
  readonly position: number
}

/**
 * Follows a query without end: pages in rising order, nothing missed, nothing twice. It never blocks a writer;
 * a position that may still be filled only holds back what stands behind it.
 * After a lost connection it goes on where it was. Ends when `signal` aborts.
 */
export async function* followTail(options: TailOptions): AsyncGenerator<TailPage, void, undefined> {
  const { limits, waker, signal } = options
  let last = options.from
  let fence = startFence(last)
  let pauseMs = limits.minPollIntervalMs
  while (!isAborted(signal)) {
    let step: Step
    try {
      step = await pollOnce(options, last, fence)
    } catch (error) {
      if (!isRetryable(error)) throw error
      pauseMs = limits.maxPollIntervalMs
      await waker.pause(pauseMs, signal)
      continue
    }
    fence = step.fence
    const hasMoved = step.page.position > last
    last = step.page.position
    if (hasMoved) {
      pauseMs = limits.minPollIntervalMs
      yield step.page
      if (step.hasMore) continue
    }
    // A pending fence ends when a writer does, which nobody announces.
    pauseMs = fence.pending.length > 0 ? limits.minPollIntervalMs : pauseMs
    await waker.pause(pauseMs, signal)
    pauseMs = Math.min(pauseMs * 2, limits.maxPollIntervalMs)
  }
}

interface Step {
  readonly fence: FenceState
  readonly page: TailPage
  readonly hasMore: boolean
}

async function pollOnce({ store, items, limits }: TailOptions, last: number, before: FenceState): Promise<Step> {
  let fence = before
  if (fence.settled <= last) {
    if (isEverything(items)) {
      const rows = await store.read({ items, after: last, limit: limits.pageSize })
      const prefix = contiguousPrefix(rows, last)
      if (prefix.length > 0) {
        const position = prefix.at(-1)?.position ?? last
        return {
          fence: skipContiguous(fence, position),
          page: { events: prefix, position },
          hasMore: rows.length === limits.pageSize || prefix.length < rows.length,
        }
      }
      if (rows.length === 0 && fence.pending.length === 0) return { fence, page: { events: [], position: last }, hasMore: false }
    }
    const head = await store.head()
    if (isUnfenced(fence, head) || fence.pending.length > 0) fence = advanceFence(fence, head, await store.openWriters())
    if (fence.settled <= last) return { fence, page: { events: [], position: last }, hasMore: false }
  }
  const events = await store.read({ items, after: last, upTo: fence.settled, limit: limits.pageSize })
  const isFull = events.length === limits.pageSize
  return { fence, page: { events, position: isFull ? (events.at(-1)?.position ?? last) : fence.settled }, hasMore: true }
}

/** Rows that follow one another without a hole cannot have anything between them, whoever is still writing. */
function contiguousPrefix(rows: readonly StoredEvent[], last: number): StoredEvent[] {
  const end = rows.findIndex(({ position }, index) => position !== last + index + 1)
  return end === -1 ? [...rows] : rows.slice(0, end)
}

function isEverything(items: readonly NormalItem[]): boolean {
  return items.some(({ types, identifier }) => types === undefined && Object.keys(identifier).length === 0)
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}
