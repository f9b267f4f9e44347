import type { OpenWriter } from './store.ts'

/*
 * Decides up to which position everything is settled: committed and visible, or never to come.
 *
 *   1. see head M            every position ≤ M was drawn before this moment
 *   2. then read the writers whoever drew one of them and has not ended is among these
 *   3. when all have ended   a later read of rows shows everything ≤ M that will ever be there
 *
 * Several fences are pending at once, so that a slow writer holds back only what it can still fill.
 */

export interface Fence {
  readonly upTo: number
  /** Ids of writers seen after `upTo` was seen, which have not ended yet. */
  readonly writers: ReadonlySet<string>
  /** Prepared transactions known when the fence was made, or taken in since. */
  readonly prepared: ReadonlySet<string>
}

export interface FenceState {
  /** Every position up to here is settled. */
  readonly settled: number
  /** Rising by `upTo`. */
  readonly pending: readonly Fence[]
}

/** A gap-free reader that has read up to a position. */
export function startFence(settled: number): FenceState {
  return { settled, pending: [] }
}

/** Whether a head needs a new fence. */
export function isUnfenced(state: FenceState, head: number): boolean {
  return head > (state.pending.at(-1)?.upTo ?? state.settled)
}

/**
 * The state after the open writers were read. `head` is one that was seen before they were read.
 * Rows up to `settled` are complete for reads that begin after this call.
 */
export function advanceFence(state: FenceState, head: number, openWriters: readonly OpenWriter[]): FenceState {
  const open = new Set(openWriters.map(({ id }) => id))
  const prepared = new Set(openWriters.filter(({ isPrepared }) => isPrepared).map(({ id }) => id))
  const pending = state.pending.map((fence) => waitOn(fence, open, prepared))
  if (isUnfenced(state, head)) pending.push({ upTo: head, writers: open, prepared })
  const lastDone = pending.findLastIndex(({ writers }) => writers.size === 0)
  return {
    // A later fence that is done was made when the earlier ones' writers were open or had ended: it settles them all.
    settled: pending[lastDone]?.upTo ?? state.settled,
    pending: pending.slice(lastDone + 1),
  }
}

/** The state of a reader that found rows without a hole up to `position`: nothing before it can still come. */
export function skipContiguous(state: FenceState, position: number): FenceState {
  if (position <= state.settled) return state
  return { settled: position, pending: state.pending.filter(({ upTo }) => upTo > position) }
}

function waitOn(fence: Fence, open: ReadonlySet<string>, prepared: ReadonlySet<string>): Fence {
  const writers = new Set([...fence.writers].filter((id) => open.has(id)))
  const hasVanished = [...fence.writers].some((id) => !open.has(id) && !fence.prepared.has(id))
  if (!hasVanished) return { ...fence, writers }
  // A writer that is gone may have been prepared, and goes by another id now: wait for every prepared one that is new.
  const renamed = [...prepared].filter((id) => !fence.prepared.has(id))
  for (const id of renamed) writers.add(id)
  return { upTo: fence.upTo, writers, prepared: new Set([...fence.prepared, ...renamed]) }
}
