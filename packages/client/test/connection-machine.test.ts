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
    'no-demand': 'idle (close-current, close-next, clear-timer)',
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
    hide: 'frozen (close-current, close-next, clear-timer)',
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': 'signed-out (close-current, close-next, clear-timer)',
    close: 'closed (close-current, close-next, clear-timer)',
  },
  gathering: {
    demand: '·',
    'no-demand': 'idle (close-current, close-next, clear-timer)',
    due: 'connecting (open-current)',
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
    hide: 'frozen (close-current, close-next, clear-timer)',
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': 'signed-out (close-current, close-next, clear-timer)',
    close: 'closed (close-current, close-next, clear-timer)',
  },
  connecting: {
    demand: '·',
    'no-demand': 'idle (close-current, close-next, clear-timer)',
    due: '·',
    'caught-up': 'live (clear-timer)',
    lost: 'waiting (close-current, close-next, clear-timer, timer 250)',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: 'stopped (close-current, close-next, clear-timer)',
    'auth-expired': 'refreshing (close-current, close-next, clear-timer, refresh)',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: '·',
    offline: 'offline (close-current, close-next, clear-timer)',
    wake: '·',
    hide: 'frozen (close-current, close-next, clear-timer)',
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': 'signed-out (close-current, close-next, clear-timer)',
    close: 'closed (close-current, close-next, clear-timer)',
  },
  live: {
    demand: 'live (timer 40)',
    'no-demand': 'idle (close-current, close-next, clear-timer)',
    due: 'changing (open-next)',
    'caught-up': '·',
    lost: 'waiting (close-current, close-next, clear-timer, timer 250)',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: 'stopped (close-current, close-next, clear-timer)',
    'auth-expired': 'refreshing (close-current, close-next, clear-timer, refresh)',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: 'changing (clear-timer, open-next)',
    offline: '·',
    wake: '·',
    hide: 'frozen (close-current, close-next, clear-timer)',
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': 'signed-out (close-current, close-next, clear-timer)',
    close: 'closed (close-current, close-next, clear-timer)',
  },
  changing: {
    demand: '·',
    'no-demand': 'idle (close-current, close-next, clear-timer)',
    due: '·',
    'caught-up': '·',
    lost: 'connecting (promote)',
    'next-caught-up': 'live (promote, clear-timer)',
    'next-lost': 'live (close-next, timer 250)',
    refused: 'stopped (close-current, close-next, clear-timer)',
    'auth-expired': 'refreshing (close-current, close-next, clear-timer, refresh)',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: '·',
    offline: '·',
    wake: '·',
    hide: 'frozen (close-current, close-next, clear-timer)',
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': 'signed-out (close-current, close-next, clear-timer)',
    close: 'closed (close-current, close-next, clear-timer)',
  },
  waiting: {
    demand: '·',
    'no-demand': 'idle (close-current, close-next, clear-timer)',
    due: 'connecting (open-current)',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: '·',
    'auth-expired': '·',
    refreshed: '·',
    'refresh-failed': '·',
    polled: '·',
    online: 'connecting (open-current)',
    offline: 'offline (close-current, close-next, clear-timer)',
    wake: 'connecting (open-current)',
    hide: 'frozen (close-current, close-next, clear-timer)',
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': 'signed-out (close-current, close-next, clear-timer)',
    close: 'closed (close-current, close-next, clear-timer)',
  },
  offline: {
    demand: '·',
    'no-demand': 'idle (close-current, close-next, clear-timer)',
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
    online: 'connecting (open-current)',
    offline: '·',
    wake: 'connecting (open-current)',
    hide: 'frozen (close-current, close-next, clear-timer)',
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': 'signed-out (close-current, close-next, clear-timer)',
    close: 'closed (close-current, close-next, clear-timer)',
  },
  refreshing: {
    demand: '·',
    'no-demand': 'idle (close-current, close-next, clear-timer)',
    due: '·',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: '·',
    'auth-expired': '·',
    refreshed: 'connecting (open-current)',
    'refresh-failed': 'stopped',
    polled: '·',
    online: '·',
    offline: '·',
    wake: '·',
    hide: 'frozen (close-current, close-next, clear-timer)',
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': 'signed-out (close-current, close-next, clear-timer)',
    close: 'closed (close-current, close-next, clear-timer)',
  },
  polling: {
    demand: 'polling (poll)',
    'no-demand': 'idle (close-current, close-next, clear-timer)',
    due: 'polling (poll)',
    'caught-up': '·',
    lost: '·',
    'next-caught-up': '·',
    'next-lost': '·',
    refused: 'stopped (close-current, close-next, clear-timer)',
    'auth-expired': 'refreshing (close-current, close-next, clear-timer, refresh)',
    refreshed: '·',
    'refresh-failed': '·',
    polled: 'polling (timer 5000)',
    online: 'polling (poll)',
    offline: '·',
    wake: 'polling (poll)',
    hide: 'frozen (close-current, close-next, clear-timer)',
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': 'signed-out (close-current, close-next, clear-timer)',
    close: 'closed (close-current, close-next, clear-timer)',
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
    wake: 'connecting (open-current)',
    hide: '·',
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': 'signed-out (close-current, close-next, clear-timer)',
    close: 'closed (close-current, close-next, clear-timer)',
  },
  stopped: {
    demand: 'gathering (timer 40)',
    'no-demand': 'idle (close-current, close-next, clear-timer)',
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
    wake: 'connecting (open-current)',
    hide: 'frozen (close-current, close-next, clear-timer)',
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': 'signed-out (close-current, close-next, clear-timer)',
    close: 'closed (close-current, close-next, clear-timer)',
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
    retry: 'connecting (close-current, close-next, clear-timer, open-current)',
    'scope-changed': 'connecting (close-current, close-next, clear-timer, open-current)',
    'signed-out': '·',
    close: 'closed (close-current, close-next, clear-timer)',
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
  const effects = step.effects.map((effect) => (effect.do === 'timer' ? `timer ${effect.afterMs}` : effect.do)).join(', ')
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
    return effects.flatMap((effect) => (effect.do === 'timer' ? [effect.afterMs] : []))[0] ?? Number.NaN
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
    expect([twice.state.kind, twice.effects.at(-1)]).toEqual(['polling', { do: 'poll' }])
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
    expect(outcome(inState('gathering'), EVENTS.due, offline)).toBe('offline (clear-timer)')
    expect(outcome(inState('connecting'), EVENTS.lost, offline)).toBe('offline (close-current, close-next, clear-timer)')
    expect(outcome(inState('offline'), EVENTS.wake, offline)).toBe('·')
  })

  it('without queries a page that is seen again stays idle', () => {
    expect(outcome(inState('frozen'), EVENTS.wake, { ...NOW, hasDemand: false })).toBe('idle (clear-timer)')
  })

  it('a page that is seen again after long silence opens anew at once', () => {
    const wake = { kind: 'wake', quietMs: CLIENT_LIMITS.silenceMs + 1 } as const
    expect(outcome(inState('live'), wake)).toBe('connecting (close-current, close-next, clear-timer, open-current)')
  })

  it('credentials are refreshed once, then the refusal is final', () => {
    expect(outcome(inState('connecting', { isRefreshed: true }), EVENTS['auth-expired'])).toBe('stopped (close-current, close-next, clear-timer)')
  })
})
