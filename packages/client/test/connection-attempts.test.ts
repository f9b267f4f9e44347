import { describe, expect, it } from 'vitest'
import { transition } from '../src/connection-machine.ts'
import { CLIENT_LIMITS } from '../src/limits.ts'
import { EVENTS, inState, NOW, outcome } from './support/machine-outcome.ts'

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
    expect(outcome(inState('connecting'), EVENTS.lost, offline)).toBe('offline (closeAll)')
    expect(outcome(inState('offline'), EVENTS.wake, offline)).toBe('·')
  })

  it('without queries a page that is seen again stays idle', () => {
    expect(outcome(inState('frozen'), EVENTS.wake, { ...NOW, hasDemand: false })).toBe('idle (clearTimer)')
  })

  it('a page that is seen again after long silence opens anew at once', () => {
    const wake = (quietMs: number) => ({ kind: 'wake', quietMs }) as const
    expect(outcome(inState('live'), wake(CLIENT_LIMITS.silenceMs))).toBe('·')
    expect(outcome(inState('live'), wake(CLIENT_LIMITS.silenceMs + 1))).toBe('connecting (closeAll, openCurrent)')
  })

  it('credentials are refreshed once, then the refusal is final', () => {
    expect(outcome(inState('connecting', { isRefreshed: true }), EVENTS['auth-expired'])).toBe('stopped (closeAll)')
  })

  it('credentials that a round of asking went well with may be refreshed again', () => {
    const polling = inState('polling', { isRefreshed: true })
    expect(outcome(polling, EVENTS['auth-expired'])).toBe('stopped (closeAll)')
    expect(outcome(transition(polling, EVENTS.polled, NOW).state, EVENTS['auth-expired'])).toBe('refreshing (closeAll, refresh)')
  })
})
