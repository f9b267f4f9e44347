/*
 * When a query is asked again.
 *
 *   idle ──cause──► asking ──answered, nothing new──► idle
 *                     │ └──answered, new causes──► waiting ──time──► asking
 *                     ├──too early (the answer had not seen its cause)──► waiting (longer each time)
 *                     └──failed──► waiting (longer each time) or, for good, failed
 *   any ──deserted──► over: nobody is there to tell, so nothing is asked any more, whatever became of the last question
 */

export type RequeryPhase = 'idle' | 'asking' | 'waiting' | 'failed' | 'over'
export type RequeryEvent =
  | 'cause'
  | 'answered'
  | 'answered-stale'
  | 'too-early'
  | 'failed-for-now'
  | 'failed-for-good'
  | 'time'
  | 'wanted'
  | 'deserted'

export interface RequeryState {
  phase: RequeryPhase
  /** Attempts in a row that brought no answer. */
  attempts: number
}

/** What to do: ask at once, or after a pause; `undefined`: nothing. */
export type RequeryStep = { state: RequeryState; ask?: 'now' | { afterMs: number } }

export interface RequeryPauses {
  /** Least time between two questions. */
  trailingMs: number
  /** Since the last question was asked. */
  sinceAskedMs: number
}

const MAX_EARLY_PAUSE_MS = 500
const FIRST_FAILURE_PAUSE_MS = 250
const MAX_FAILURE_PAUSE_MS = 5_000

type Transition = (state: RequeryState, pauses: RequeryPauses) => RequeryStep

const stay: Transition = (state) => ({ state })
const askNow: Transition = ({ attempts }) => ({ state: { phase: 'asking', attempts }, ask: 'now' })
const askSpaced: Transition = ({ attempts }, { trailingMs, sinceAskedMs }) =>
  sinceAskedMs >= trailingMs
    ? { state: { phase: 'asking', attempts }, ask: 'now' }
    : { state: { phase: 'waiting', attempts }, ask: { afterMs: trailingMs - sinceAskedMs } }
const rest: Transition = () => ({ state: { phase: 'idle', attempts: 0 } })
const askAgainSoon: Transition = (_, { trailingMs }) => ({ state: { phase: 'waiting', attempts: 0 }, ask: { afterMs: trailingMs } })
const backOff =
  (firstMs: number, mostMs: number): Transition =>
  ({ attempts }) => ({
    state: { phase: 'waiting', attempts: attempts + 1 },
    ask: { afterMs: Math.min(mostMs, firstMs * 2 ** Math.min(attempts, 16)) },
  })
const giveUp: Transition = ({ attempts }) => ({ state: { phase: 'failed', attempts } })
const end: Transition = () => ({ state: { phase: 'over', attempts: 0 } })

const EARLY = backOff(2, MAX_EARLY_PAUSE_MS)
const FAILED = backOff(FIRST_FAILURE_PAUSE_MS, MAX_FAILURE_PAUSE_MS)

const TABLE: Record<RequeryPhase, Record<RequeryEvent, Transition>> = {
  idle: {
    cause: askSpaced,
    wanted: askNow,
    answered: stay,
    'answered-stale': stay,
    'too-early': stay,
    'failed-for-now': stay,
    'failed-for-good': stay,
    time: stay,
    deserted: end,
  },
  asking: {
    cause: stay,
    wanted: stay,
    answered: rest,
    'answered-stale': askAgainSoon,
    'too-early': EARLY,
    'failed-for-now': FAILED,
    'failed-for-good': giveUp,
    time: stay,
    deserted: end,
  },
  waiting: {
    cause: stay,
    wanted: stay,
    answered: stay,
    'answered-stale': stay,
    'too-early': stay,
    'failed-for-now': stay,
    'failed-for-good': giveUp,
    time: askNow,
    deserted: end,
  },
  failed: {
    cause: stay,
    wanted: askNow,
    answered: stay,
    'answered-stale': stay,
    'too-early': stay,
    'failed-for-now': stay,
    'failed-for-good': stay,
    time: stay,
    deserted: end,
  },
  over: {
    cause: stay,
    wanted: stay,
    answered: stay,
    'answered-stale': stay,
    'too-early': stay,
    'failed-for-now': stay,
    'failed-for-good': stay,
    time: stay,
    deserted: stay,
  },
}

export const FIRST_REQUERY_STATE: RequeryState = { phase: 'idle', attempts: 0 }

/** The next state of a query that is asked again, and whether to ask. */
export function nextRequeryStep(state: RequeryState, event: RequeryEvent, pauses: RequeryPauses): RequeryStep {
  return TABLE[state.phase][event](state, pauses)
}
