import { describe, expect, it } from 'vitest'
import {
  INITIAL_STATE,
  transition,
  type Circumstances,
  type ConnectionEvent,
  type ConnectionState,
  type EventKind,
  type StateKind,
} from '../src/connection-machine.ts'
import { CLIENT_LIMITS } from '../src/limits.ts'

const NOW: Circumstances = { hasDemand: true, isOnline: true, random: () => 0.5, limits: CLIENT_LIMITS }

const EVENTS: { readonly [K in EventKind]: Extract<ConnectionEvent, { kind: K }> } = {
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

/** The next state and what is done on the way; `·` when nothing happens. Every cell is written down: a new state or event does not compile without them. */
const TABLE: { readonly [S in StateKind]: { readonly [E in EventKind]: string } } = {
  idle: {
    demand: 'gathering (timer 5)',
    'no-demand': 'idle (closeCurrent, closeNext, clearTimer)',
    due: '·',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: '·',
    'auth-expired': '·',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: '·',
    offline: '·',
    wake: '·',
    hide: 'frozen (closeCurrent, closeNext, clearTimer)',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': 'signed-out (closeCurrent, closeNext, clearTimer)',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  gathering: {
    demand: '·',
    'no-demand': 'idle (closeCurrent, closeNext, clearTimer)',
    due: 'connecting (openCurrent)',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: '·',
    'auth-expired': '·',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: '·',
    offline: '·',
    wake: '·',
    hide: 'frozen (closeCurrent, closeNext, clearTimer)',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': 'signed-out (closeCurrent, closeNext, clearTimer)',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  connecting: {
    demand: '·',
    'no-demand': 'idle (closeCurrent, closeNext, clearTimer)',
    due: '·',
    'caught-up': 'live (clearTimer)',
    lost: 'waiting (closeCurrent, closeNext, clearTimer, timer 250)',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: 'stopped (closeCurrent, closeNext, clearTimer)',
    'auth-expired': 'refreshing (closeCurrent, closeNext, clearTimer, refresh)',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: '·',
    offline: 'offline (closeCurrent, closeNext, clearTimer)',
    wake: '·',
    hide: 'frozen (closeCurrent, closeNext, clearTimer)',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': 'signed-out (closeCurrent, closeNext, clearTimer)',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  live: {
    demand: 'live (timer 40)',
    'no-demand': 'idle (closeCurrent, closeNext, clearTimer)',
    due: 'changing (openNext)',
    'caught-up': '·',
    lost: 'waiting (closeCurrent, closeNext, clearTimer, timer 250)',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: 'stopped (closeCurrent, closeNext, clearTimer)',
    'auth-expired': 'refreshing (closeCurrent, closeNext, clearTimer, refresh)',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: 'changing (clearTimer, openNext)',
    offline: '·',
    wake: '·',
    hide: 'frozen (closeCurrent, closeNext, clearTimer)',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': 'signed-out (closeCurrent, closeNext, clearTimer)',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  changing: {
    demand: '·',
    'no-demand': 'idle (closeCurrent, closeNext, clearTimer)',
    due: '·',
    'caught-up': '·',
    lost: 'connecting (promote)',
    'next-caught-up': 'live (promote, clearTimer)',
    'next-lost': 'live (closeNext, timer 250)',
    refused: 'stopped (closeCurrent, closeNext, clearTimer)',
    'auth-expired': 'refreshing (closeCurrent, closeNext, clearTimer, refresh)',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: '·',
    offline: '·',
    wake: '·',
    hide: 'frozen (closeCurrent, closeNext, clearTimer)',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': 'signed-out (closeCurrent, closeNext, clearTimer)',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  waiting: {
    demand: '·',
    'no-demand': 'idle (closeCurrent, closeNext, clearTimer)',
    due: 'connecting (openCurrent)',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: '·',
    'auth-expired': '·',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: 'connecting (openCurrent)',
    offline: 'offline (closeCurrent, closeNext, clearTimer)',
    wake: 'connecting (openCurrent)',
    hide: 'frozen (closeCurrent, closeNext, clearTimer)',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': 'signed-out (closeCurrent, closeNext, clearTimer)',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  offline: {
    demand: '·',
    'no-demand': 'idle (closeCurrent, closeNext, clearTimer)',
    due: '·',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: '·',
    'auth-expired': '·',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: 'connecting (openCurrent)',
    offline: '·',
    wake: 'connecting (openCurrent)',
    hide: 'frozen (closeCurrent, closeNext, clearTimer)',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': 'signed-out (closeCurrent, closeNext, clearTimer)',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  refreshing: {
    demand: '·',
    'no-demand': 'idle (closeCurrent, closeNext, clearTimer)',
    due: '·',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: '·',
    'auth-expired': '·',
    refreshed: 'connecting (openCurrent)',
    'refresh-failed': 'stopped',
    polled: '·',
    online: '·',
    offline: '·',
    wake: '·',
    hide: 'frozen (closeCurrent, closeNext, clearTimer)',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': 'signed-out (closeCurrent, closeNext, clearTimer)',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  polling: {
    demand: 'polling (poll)',
    'no-demand': 'idle (closeCurrent, closeNext, clearTimer)',
    due: 'polling (poll)',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: 'stopped (closeCurrent, closeNext, clearTimer)',
    'auth-expired': 'refreshing (closeCurrent, closeNext, clearTimer, refresh)',
    refreshed: '·',
    'refresh-failed': '·',
    polled: 'polling (timer 5000)',
    online: 'polling (poll)',
    offline: '·',
    wake: 'polling (poll)',
    hide: 'frozen (closeCurrent, closeNext, clearTimer)',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': 'signed-out (closeCurrent, closeNext, clearTimer)',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  frozen: {
    demand: '·',
    'no-demand': '·',
    due: '·',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: '·',
    'auth-expired': '·',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: '·',
    offline: '·',
    wake: 'connecting (openCurrent)',
    hide: '·',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': 'signed-out (closeCurrent, closeNext, clearTimer)',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  stopped: {
    demand: 'gathering (timer 40)',
    'no-demand': 'idle (closeCurrent, closeNext, clearTimer)',
    due: '·',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: '·',
    'auth-expired': '·',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: '·',
    offline: '·',
    wake: 'connecting (openCurrent)',
    hide: 'frozen (closeCurrent, closeNext, clearTimer)',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': 'signed-out (closeCurrent, closeNext, clearTimer)',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  'signed-out': {
    demand: '·',
    'no-demand': '·',
    due: '·',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: '·',
    'auth-expired': '·',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: '·',
    offline: '·',
    wake: '·',
    hide: '·',
    retry: 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'scope-changed': 'connecting (closeCurrent, closeNext, clearTimer, openCurrent)',
    'signed-out': '·',
    close: 'closed (closeCurrent, closeNext, clearTimer)',
  },
  closed: {
    demand: '·',
    'no-demand': '·',
    due: '·',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: '·',
    'auth-expired': '·',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: '·',
    offline: '·',
    wake: '·',
    hide: '·',
    retry: '·',
    'scope-changed': '·',
    'signed-out': '·',
    close: '·',
  },
}

const outcome = (state: ConnectionState, event: ConnectionEvent, now: Circumstances = NOW): string => {
  const step = transition(state, event, now)
  if (step.state.kind === state.kind && step.effects.length === 0) return '·'
  const effects = step.effects.map((effect) => (typeof effect === 'object' ? `timer ${effect.timerMs}` : effect)).join(', ')
  return effects === '' ? step.state.kind : `${step.state.kind} (${effects})`
}

const inState = (kind: StateKind, more: Partial<ConnectionState> = {}): ConnectionState => ({ ...INITIAL_STATE, kind, ...more })

describe.each(Object.keys(TABLE) as StateKind[])('in state %s', (kind) => {
  it('every event has the outcome the table gives', () => {
    for (const event of Object.keys(EVENTS) as EventKind[])
      expect(`${event}: ${outcome(inState(kind), EVENTS[event])}`).toBe(`${event}: ${TABLE[kind][event]}`)
  })
})

describe('the backoff', () => {
  const waitMs = (failures: number, random: number, retryMs?: number): number => {
    const { effects } = transition(inState('connecting', { failures }), { kind: 'lost', retryMs }, { ...NOW, random: () => random })
    return effects.flatMap((effect) => (typeof effect === 'object' ? [effect.timerMs] : []))[0] ?? Number.NaN
  }

  it('is anywhere between nothing and a step that doubles up to its limit', () => {
    expect([0, 1, 2, 6, 60].map((failures) => waitMs(failures, 1))).toEqual([500, 1000, 2000, 30_000, 30_000])
    expect(waitMs(6, 0)).toBe(0)
  })

  it('comes on top of what the server asks for', () => {
    expect(waitMs(0, 0, 3000)).toBe(3000)
  })

  it('begins again when a stream was caught up', () => {
    const live = transition(inState('connecting', { failures: 9 }), { kind: 'caught-up' }, NOW).state
    expect(live.failures).toBe(0)
  })
})

describe('listening gives way to asking', () => {
  it('when two openings in a row brought no byte, and comes back after some rounds', () => {
    const once = transition(inState('connecting'), { kind: 'lost', isSilent: true }, NOW).state
    expect(once.kind).toBe('waiting')
    const twice = transition({ ...once, kind: 'connecting' }, { kind: 'lost', isSilent: true }, NOW)
    expect([twice.state.kind, twice.effects.at(-1)]).toEqual(['polling', 'poll'])
    const later = { ...twice.state, polls: CLIENT_LIMITS.pollsBeforeStreaming }
    const again = transition(later, { kind: 'due' }, NOW).state
    expect(again.kind).toBe('connecting')
    expect(transition(again, { kind: 'lost', isSilent: true }, NOW).state.kind).toBe('polling')
  })

  it('not for a stream that is merely cut', () => {
    let state = inState('connecting')
    for (let round = 0; round < 9; round++) {
      state = { ...transition(state, { kind: 'lost', isSilent: round % 2 === 0 }, NOW).state, kind: 'connecting' }
    }
    expect(state.silences).toBeLessThan(2)
  })

  it('at once where the runtime cannot stream', () => {
    expect(transition(inState('connecting'), { kind: 'lost', isStreamless: true }, NOW).state.kind).toBe('polling')
  })
})

describe('circumstances', () => {
  it('without a network nothing is opened', () => {
    const offline = { ...NOW, isOnline: false }
    expect(outcome(inState('gathering'), EVENTS.due, offline)).toBe('offline (clearTimer)')
    expect(outcome(inState('connecting'), EVENTS.lost, offline)).toBe('offline (closeCurrent, closeNext, clearTimer)')
    expect(outcome(inState('offline'), EVENTS.wake, offline)).toBe('·')
  })

  it('without queries a page that is seen again stays idle', () => {
    expect(outcome(inState('frozen'), EVENTS.wake, { ...NOW, hasDemand: false })).toBe('idle (clearTimer)')
  })

  it('a page that is seen again after long silence opens anew at once', () => {
    const wake = { kind: 'wake', quietMs: CLIENT_LIMITS.silenceMs + 1 } as const
    expect(outcome(inState('live'), wake)).toBe('connecting (closeCurrent, closeNext, clearTimer, openCurrent)')
  })

  it('credentials are refreshed once, then the refusal is final', () => {
    expect(outcome(inState('connecting', { isRefreshed: true }), EVENTS['auth-expired'])).toBe('stopped (closeCurrent, closeNext, clearTimer)')
  })
})
