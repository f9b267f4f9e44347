import {
  INITIAL_STATE,
  transition,
  type Circumstances,
  type ConnectionEvent,
  type ConnectionState,
  type EventKind,
  type StateKind,
} from '../../src/connection-machine.ts'
import { CLIENT_LIMITS } from '../../src/limits.ts'

export const NOW: Circumstances = { hasDemand: true, isOnline: true, random: () => 0.5, limits: CLIENT_LIMITS }

export const EVENTS: { readonly [K in EventKind]: Extract<ConnectionEvent, { kind: K }> } = {
  demand: { kind: 'demand' },
  'no-demand': { kind: 'no-demand' },
  due: { kind: 'due' },
  'caught-up': { kind: 'caught-up' },
  lost: { kind: 'lost' },
  'next-caught-up': { kind: 'next-caught-up' },
  'next-lost': { kind: 'next-lost' },
  refused: { kind: 'refused', code: 'forbidden' },
  'auth-expired': { kind: 'auth-expired' },
  refreshed: { kind: 'refreshed' },
  'refresh-failed': { kind: 'refresh-failed' },
  polled: { kind: 'polled' },
  online: { kind: 'online' },
  offline: { kind: 'offline' },
  wake: { kind: 'wake', quietMs: 0 },
  hide: { kind: 'hide' },
  retry: { kind: 'retry' },
  'scope-changed': { kind: 'scope-changed' },
  'signed-out': { kind: 'signed-out' },
  close: { kind: 'close' },
}

/** The next state and what is done on the way; `·` when nothing happens. */
export const outcome = (state: ConnectionState, event: ConnectionEvent, now: Circumstances = NOW): string => {
  const step = transition(state, event, now)
  if (step.state.kind === state.kind && step.effects.length === 0) return '·'
  const effects = step.effects.map((effect) => (typeof effect === 'object' ? `timer ${effect.timerMs}` : effect)).join(', ')
  return effects === '' ? step.state.kind : `${step.state.kind} (${effects})`
}

export const inState = (kind: StateKind, more: Partial<ConnectionState> = {}): ConnectionState => ({ ...INITIAL_STATE, kind, ...more })
