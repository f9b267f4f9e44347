import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextConnectionStep, type ConnectionEvent, type ConnectionPhase } from '../src/streams/connection-phase.ts'
import { FIRST_REQUERY_STATE, nextRequeryStep, type RequeryEvent } from '../src/queries/requery/requery-state.ts'

const CONNECTION_EVENTS: ConnectionEvent[] = [
  'full',
  'drained',
  'doubt',
  'same-identity',
  'other-identity',
  'no-identity',
  'overdue',
  'retire',
  'gone',
]
const REQUERY_EVENTS: RequeryEvent[] = [
  'cause',
  'answered',
  'answered-stale',
  'too-early',
  'failed-for-now',
  'failed-for-good',
  'time',
  'wanted',
  'deserted',
]

describe('the life of a connection', () => {
  it('flows only when nothing stalls it and nobody doubts it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...CONNECTION_EVENTS), { maxLength: 40 }), (events) => {
        let phase: ConnectionPhase = 'flowing'
        let isStalled = false
        let isDoubted = false
        for (const event of events) {
          const [next, ...actions] = nextConnectionStep(phase, event)
          if (phase === 'closed') expect([next, actions]).toEqual(['closed', []])
          phase = next
          if (event === 'full') isStalled = true
          if (event === 'drained') isStalled = false
          if (event === 'doubt') isDoubted = true
          if (event === 'same-identity' || event === 'other-identity') isDoubted = false
          if (phase === 'closed') continue
          expect(phase === 'flowing').toBe(!isStalled && !isDoubted)
          // Whoever it belongs to is asked at every doubt.
          expect(actions.includes('check')).toBe(event === 'doubt')
        }
      }),
    )
  })
})

describe('asking again', () => {
  it('never forgets a cause, never asks twice at once, and asks nothing for nobody', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...REQUERY_EVENTS), { maxLength: 60 }), fc.nat(50), (events, sinceAskedMs) => {
        let state = FIRST_REQUERY_STATE
        let isDeserted = false
        for (const event of events) {
          isDeserted ||= event === 'deserted'
          // What only the question's end can bring comes only then; who has been deserted may hear of it still.
          const isOfAsking = ['answered', 'answered-stale', 'too-early', 'failed-for-now', 'failed-for-good'].includes(event)
          if (!isDeserted && (isOfAsking !== (state.phase === 'asking') || (event === 'time' && state.phase !== 'waiting'))) continue
          const step = nextRequeryStep(state, event, { trailingMs: 25, sinceAskedMs })
          if (isDeserted) expect(step).toEqual({ state: { phase: 'over', attempts: 0 } })
          if (step.ask === 'now') expect(step.state.phase).toBe('asking')
          if (step.ask !== undefined && step.ask !== 'now') expect([step.state.phase, step.ask.afterMs > 0]).toEqual(['waiting', true])
          if (event === 'cause') expect(step.state.phase).not.toBe('idle')
          state = step.state
        }
      }),
    )
  })
})
