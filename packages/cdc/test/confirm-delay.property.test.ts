import { parseLsn } from '@zenstack-live/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createConfirmDelay } from '../src/confirm-delay.ts'

const START = { lsn: parseLsn('0/1'), lastCommitLsn: null }

describe('the delay of the confirmation', () => {
  it('never confirms what is younger than the delay, never goes back, and confirms everything in the end', () => {
    const steps = fc.array(fc.record({ waitMs: fc.nat(3_000), bytes: fc.nat(50), isAsked: fc.boolean() }), { maxLength: 300 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 10_000 }), (list, delayMs) => {
        const delay = createConfirmDelay(START, delayMs)
        const kept: { lsn: bigint; atMs: number }[] = []
        let [nowMs, lsn, confirmed] = [0, 1n, 1n]
        for (const { waitMs, bytes, isAsked } of list) {
          nowMs += waitMs
          lsn += BigInt(bytes)
          delay.kept({ lsn: parseLsn(String(lsn)), lastCommitLsn: null }, nowMs)
          kept.push({ lsn, atMs: nowMs })
          if (!isAsked) continue
          const next = delay.confirmable(nowMs).lsn
          expect(next).toBeGreaterThanOrEqual(confirmed)
          const oldEnough = kept.filter(({ atMs }) => nowMs - atMs >= delayMs).at(-1)?.lsn ?? 1n
          expect(next).toBeLessThanOrEqual(oldEnough)
          confirmed = next
        }
        expect(delay.confirmable(nowMs + delayMs).lsn).toBe(lsn)
      }),
    )
  })
})
