/*
 * The life of the one connection, as a table. SPEC.md draws it; test/connection-machine.test.ts holds every cell's outcome.
 *
 *   idle ─demand─► gathering ─due─► connecting ─caught-up─► live ─demand, due─► changing ─next-caught-up─► live
 *                                       │  ▲                 │
 *                                     lost due             lost            offline · refreshing · polling · frozen
 *                                       ▼  │                 │             stopped · signed-out · closed
 *                                      waiting ◄─────────────┘
 *
 * `current` is the stream whose results are shown, `next` its successor while it opens. One timer, whose meaning the state gives.
 */
import type { ErrorCode } from '@zenstack-live/protocol'
import { backoffMs } from './backoff-ms.ts'
import type { ClientLimits } from './limits.ts'

export type StateKind =
  | 'idle'
  | 'gathering'
  | 'connecting'
  | 'live'
  | 'changing'
  | 'waiting'
  | 'offline'
  | 'refreshing'
  | 'polling'
  | 'frozen'
  | 'stopped'
  | 'signed-out'
  | 'closed'

export interface ConnectionState {
  readonly kind: StateKind
  /** Openings that failed since a stream was last caught up. */
  readonly failures: number
  /** Openings in a row that were accepted but brought no byte. */
  readonly silences: number
  /** Credentials were refreshed since a stream was last caught up, or a round of asking was not refused: a second refusal is final. */
  readonly isRefreshed: boolean
  /** Rounds of asking since the last attempt to listen. */
  readonly polls: number
  /** Why it is stopped. */
  readonly code: ErrorCode | undefined
}

export type ConnectionEvent =
  /** The set of wanted queries is not empty and differs from what is open. */
  | { readonly kind: 'demand' }
  /** No query is wanted any more. */
  | { readonly kind: 'no-demand' }
  /** The timer went off. */
  | { readonly kind: 'due' }
  | { readonly kind: 'caught-up' }
  | { readonly kind: 'lost'; readonly retryMs?: number | undefined; readonly isSilent?: boolean; readonly isStreamless?: boolean }
  | { readonly kind: 'next-caught-up' }
  | { readonly kind: 'next-lost'; readonly retryMs?: number | undefined }
  /** The server will not have this connection, and asking again would not help. */
  | { readonly kind: 'refused'; readonly code: ErrorCode }
  | { readonly kind: 'auth-expired' }
  | { readonly kind: 'refreshed' }
  | { readonly kind: 'refresh-failed' }
  | { readonly kind: 'polled' }
  | { readonly kind: 'online' }
  | { readonly kind: 'offline' }
  /** The page is seen again (visible, shown from the back/forward cache, thawed) after `quietMs` without a byte. */
  | { readonly kind: 'wake'; readonly quietMs: number }
  /** The page may be frozen from here on. */
  | { readonly kind: 'hide' }
  /** Someone asks to try again. */
  | { readonly kind: 'retry' }
  /** Another person, or another place: nothing of before may remain. */
  | { readonly kind: 'scope-changed' }
  /** The person signed out in another tab. */
  | { readonly kind: 'signed-out' }
  | { readonly kind: 'close' }

export type EventKind = ConnectionEvent['kind']

/** What is done to the streams, and with whom; named as the one who does it names it. */
export type Deed = 'openCurrent' | 'openNext' | 'closeNext' | 'closeAll' | 'promote' | 'refresh' | 'poll'

/** Every effect ends the timer that ran before it. */
export type Effect = Deed | 'clearTimer' | { readonly timerMs: number }

/** What deciding needs from outside. */
export interface Circumstances {
  readonly hasDemand: boolean
  readonly isOnline: boolean
  /** Between 0 and 1. */
  readonly random: () => number
  readonly limits: ClientLimits
}

export interface Step {
  readonly state: ConnectionState
  readonly effects: readonly Effect[]
}

export const INITIAL_STATE: ConnectionState = { kind: 'idle', failures: 0, silences: 0, isRefreshed: false, polls: 0, code: undefined }

/** The next state and what to do on the way. Pure. */
export function transition(state: ConnectionState, event: ConnectionEvent, circumstances: Circumstances): Step {
  // The table's handlers for a kind take events of this kind; the compiler cannot see the connection through the index.
  const handler = TABLE[state.kind][event.kind] as Handler<ConnectionEvent>
  return handler(state, event, circumstances)
}

type Handler<E> = (state: ConnectionState, event: E, circumstances: Circumstances) => Step
type Row = { readonly [K in EventKind]: Handler<Extract<ConnectionEvent, { kind: K }>> }

const stay: Handler<unknown> = (state) => ({ state, effects: [] })

const go = (state: ConnectionState, kind: StateKind, ...effects: Effect[]): Step => ({ state: { ...state, kind }, effects })

const open: Handler<unknown> = (state, _event, now) => (now.isOnline ? go(state, 'connecting', 'openCurrent') : go(state, 'offline', 'clearTimer'))

/** Opens at once if anyone is waiting for data, forgetting earlier failures. */
const openAnew: Handler<unknown> = (_state, event, now) => (now.hasDemand ? open(INITIAL_STATE, event, now) : go(INITIAL_STATE, 'idle', 'clearTimer'))

const backoff = ({ failures }: ConnectionState, { limits, random }: Circumstances, retryMs = 0): Effect => ({
  timerMs: Math.round(retryMs + backoffMs(failures, limits, random)),
})

const lose: Handler<{ retryMs?: number | undefined; isSilent?: boolean; isStreamless?: boolean }> = (state, event, now) => {
  const silences = event.isStreamless === true ? now.limits.silencesBeforePolling : event.isSilent === true ? state.silences + 1 : 0
  const failed = { ...state, silences, failures: state.failures + 1 }
  if (silences >= now.limits.silencesBeforePolling) return go({ ...failed, polls: 0 }, 'polling', 'closeAll', 'poll')
  if (!now.isOnline) return go(failed, 'offline', 'closeAll')
  return go(failed, 'waiting', 'closeAll', backoff(state, now, event.retryMs))
}

const stop = (state: ConnectionState, code: ErrorCode): Step => go({ ...state, code }, 'stopped', 'closeAll')

const refuse: Handler<{ code: ErrorCode }> = (state, { code }) => stop(state, code)

const refresh: Handler<unknown> = (state) =>
  state.isRefreshed ? stop(state, 'unauthenticated') : go({ ...state, isRefreshed: true }, 'refreshing', 'closeAll', 'refresh')

const settle =
  (effect: Effect): Handler<unknown> =>
  ({ polls }) =>
    go({ ...INITIAL_STATE, polls }, 'live', effect)

const rest: Handler<unknown> = () => go(INITIAL_STATE, 'idle', 'closeAll')

const to =
  (kind: StateKind, deed: Deed = 'closeAll'): Handler<unknown> =>
  (state) =>
    go(state, kind, deed)

const waitFor =
  (kind: StateKind, limit: keyof ClientLimits): Handler<unknown> =>
  (state, _event, { limits }) =>
    go(state, kind, { timerMs: limits[limit] })

const restart: Handler<unknown> = (state, event, now) => {
  const step = openAnew(state, event, now)
  return { state: step.state, effects: ['closeAll', ...step.effects] }
}

/** What holds unless a state says otherwise: events of streams and timers that it does not have are late, and mean nothing. */
const BASE: Row = {
  demand: stay,
  'no-demand': rest,
  due: stay,
  'caught-up': stay,
  lost: stay,
  'next-caught-up': stay,
  'next-lost': stay,
  refused: stay,
  'auth-expired': stay,
  refreshed: stay,
  'refresh-failed': stay,
  polled: stay,
  online: stay,
  offline: stay,
  wake: stay,
  hide: to('frozen'),
  retry: restart,
  'scope-changed': restart,
  'signed-out': to('signed-out'),
  close: to('closed'),
}

const isDead = (event: { quietMs: number }, now: Circumstances): boolean => event.quietMs > now.limits.silenceMs

const CONNECTING: Row = { ...BASE, 'caught-up': settle('clearTimer'), lost: lose, refused: refuse, 'auth-expired': refresh, offline: to('offline') }

const LIVE: Row = {
  ...BASE,
  demand: waitFor('live', 'changeDelayMs'),
  due: to('changing', 'openNext'),
  lost: lose,
  'auth-expired': refresh,
  refused: refuse,
  // The network was away: what looks open may be dead. A successor finds out without taking anything off the screen.
  online: to('changing', 'openNext'),
  wake: (state, event, now) => (isDead(event, now) ? restart(state, event, now) : stay(state, event, now)),
}

const CHANGING: Row = {
  ...LIVE,
  demand: stay,
  due: stay,
  'next-caught-up': settle('promote'),
  'next-lost': (state, event, now) => go({ ...state, failures: state.failures + 1 }, 'live', 'closeNext', backoff(state, now, event.retryMs)),
  // The successor goes on alone.
  lost: to('connecting', 'promote'),
  online: stay,
}

const WAITING: Row = {
  ...BASE,
  due: open,
  online: open,
  wake: open,
  offline: to('offline'),
}

const POLLING: Row = {
  ...BASE,
  demand: to('polling', 'poll'),
  due: (state, event, now) =>
    state.polls >= now.limits.pollsBeforeStreaming
      ? open({ ...state, silences: now.limits.silencesBeforePolling - 1 }, event, now)
      : go(state, 'polling', 'poll'),
  polled: (state, _event, now) =>
    go({ ...state, isRefreshed: false, polls: state.polls + 1 }, 'polling', {
      timerMs: Math.round(now.limits.pollIntervalMs * (0.75 + now.random() / 2)),
    }),
  'auth-expired': refresh,
  refused: refuse,
  online: to('polling', 'poll'),
  wake: to('polling', 'poll'),
}

const CLOSED: Row = { ...BASE, 'no-demand': stay, hide: stay, retry: stay, 'scope-changed': stay, 'signed-out': stay, close: stay }

const TABLE: { readonly [K in StateKind]: Row } = {
  idle: { ...BASE, demand: waitFor('gathering', 'gatherMs') },
  gathering: { ...BASE, due: open },
  connecting: CONNECTING,
  live: LIVE,
  changing: CHANGING,
  waiting: WAITING,
  offline: { ...BASE, online: openAnew, wake: (state, event, now) => (now.isOnline ? openAnew(state, event, now) : stay(state, event, now)) },
  refreshing: {
    ...BASE,
    refreshed: open,
    'refresh-failed': (state) => stop(state, 'unauthenticated'),
  },
  polling: POLLING,
  frozen: { ...BASE, wake: openAnew, 'no-demand': stay, hide: stay },
  // A new query is a reason to ask again; the refused ones are not asked for until someone does.
  stopped: { ...BASE, demand: waitFor('gathering', 'changeDelayMs'), wake: openAnew },
  'signed-out': { ...BASE, 'no-demand': stay, hide: stay, 'signed-out': stay },
  closed: CLOSED,
}
