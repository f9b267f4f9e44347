import type { AppendContext } from '../append-events.ts'
import type { Projection } from '../define-projection.ts'
import { EventSourcingError } from '../errors.ts'
import type { ClientInternals, RunProjectionsOptions } from '../event-client.ts'
import { advanceFence, isUnfenced, startFence, type FenceState } from '../fence.ts'
import { settledPosition } from '../settle.ts'
import { advanceRows, readCheckpoint, saveCheckpoint, type AdvanceOutcome } from './advance-rows.ts'

type AnyProjection = Projection<unknown, never>
type RebuildContext = ClientInternals & Partial<Pick<AppendContext, 'inline'>>

/**
 * Works off what is settled, page by page, each page with its checkpoint in one transaction: a crash repeats nothing.
 * Whoever gets a projection's lock for a page works; the others find it taken and look again later.
 */
export async function runProjections(
  internals: ClientInternals,
  projections: readonly AnyProjection[],
  { signal, onError }: RunProjectionsOptions,
): Promise<void> {
  for (const projection of projections) checkKeyed(projection)
  const { limits } = internals
  const waker = internals.waker.child()
  let fence = startFence(0)
  let doneUpTo = 0
  let pauseMs = limits.minPollIntervalMs
  try {
    while (!signal.aborted) {
      try {
        fence = await pollFence(internals, fence)
        if (fence.settled > doneUpTo) {
          const isDone = await advanceAll(internals, projections, fence.settled, signal)
          if (isDone) doneUpTo = fence.settled
          pauseMs = limits.minPollIntervalMs
        }
      } catch (error) {
        if (onError === undefined) throw error
        onError(error)
        pauseMs = limits.maxPollIntervalMs
      }
      await waker.pause(fence.pending.length > 0 ? limits.minPollIntervalMs : pauseMs, signal)
      pauseMs = Math.min(pauseMs * 2, limits.maxPollIntervalMs)
    }
  } finally {
    waker.close()
  }
}

/**
 * Builds all rows anew under another name, then puts them in place in one transaction. Several who rebuild at once build the same rows, a
 * page each in turn; whoever finds them gone, because another put them in place, begins anew: what it was asked for may be newer.
 */
export async function rebuildProjection(context: RebuildContext, projection: AnyProjection): Promise<void> {
  checkKeyed(projection)
  const { store, limits } = context
  const shadow = `${projection.rowType}~`
  await store.transaction(async (tx) => {
    await store.lock(`projection:${shadow}`, tx)
    await store.deleteProjections(shadow, tx)
    await saveCheckpoint(store, shadow, 0, tx)
  })
  const settled = await settledPosition(store, limits)
  let isInPlace = false
  while (!isInPlace) {
    while ((await advanceShadow(context, projection, shadow, settled)) === 'more');
    isInPlace = await putInPlace(context, projection, shadow, settled)
  }
}

/** @throws {EventSourcingError} `wait_timed_out`. */
export async function waitForProjection(
  { store, limits, waker }: ClientInternals,
  projection: AnyProjection,
  position: number,
  { timeoutMs = 10_000, signal }: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
): Promise<void> {
  const giveUpAtMs = Date.now() + timeoutMs
  const own = waker.child()
  try {
    for (;;) {
      const reached = await readCheckpoint(store, projection.rowType)
      if (reached >= position) return
      signal?.throwIfAborted()
      if (Date.now() > giveUpAtMs) {
        throw new EventSourcingError(
          'wait_timed_out',
          `Projection "${projection.name}" is at position ${reached} and did not reach ${position} within ${timeoutMs} ms.`,
        )
      }
      await own.pause(limits.minPollIntervalMs * 4, signal)
    }
  } finally {
    own.close()
  }
}

/** Waits for whoever builds the same rows: what it leaves unfinished is not done. */
async function advanceShadow(context: RebuildContext, projection: AnyProjection, shadow: string, upTo: number): Promise<AdvanceOutcome> {
  const { store } = context
  return store.transaction(async (tx) => {
    await store.lock(`projection:${shadow}`, tx)
    return advanceRows(context, projection, shadow, upTo, tx)
  })
}

/** @returns whether the rows were there. What came after `settled` is added here, which is little, since it holds off others. */
async function putInPlace(context: RebuildContext, projection: AnyProjection, shadow: string, settled: number): Promise<boolean> {
  const { store, limits } = context
  const isInline = context.inline?.some(({ rowType }) => rowType === projection.rowType) === true
  const lastSettled = await settledPosition(store, limits)
  return store.transaction(async (tx) => {
    // Rows kept inline move with appends, all others with runProjections: hold off whichever moves them.
    if (isInline) await store.lockAppends(tx)
    await store.lock(`projection:${projection.rowType}`, tx)
    await store.lock(`projection:${shadow}`, tx)
    if ((await readCheckpoint(store, shadow, tx)) < settled) return false
    const upTo = isInline ? await store.head(tx) : Math.max(lastSettled, await readCheckpoint(store, projection.rowType, tx))
    while ((await advanceRows(context, projection, shadow, upTo, tx)) === 'more');
    await store.replaceProjections(shadow, projection.rowType, tx)
    await saveCheckpoint(store, projection.rowType, upTo, tx)
    await saveCheckpoint(store, shadow, 0, tx)
    return true
  })
}

async function pollFence({ store }: ClientInternals, fence: FenceState): Promise<FenceState> {
  const head = await store.head()
  return isUnfenced(fence, head) || fence.pending.length > 0 ? advanceFence(fence, head, await store.openWriters()) : fence
}

/** Whether all projections are at the position now, rather than in another worker's hands. */
async function advanceAll(internals: ClientInternals, projections: readonly AnyProjection[], upTo: number, signal: AbortSignal): Promise<boolean> {
  let isDone = true
  for (const projection of projections) {
    let outcome: AdvanceOutcome
    do outcome = await advanceRows(internals, projection, projection.rowType, upTo)
    while (outcome === 'more' && !signal.aborted)
    isDone &&= outcome === 'done'
  }
  return isDone
}

function checkKeyed({ name, isKeyed }: AnyProjection): void {
  if (!isKeyed) throw new TypeError(`Projection "${name}" has events that name no id, so its rows cannot be kept. Give each of its streams \`by\`.`)
}
