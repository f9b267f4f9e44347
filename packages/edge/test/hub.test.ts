import type { ChangeLog } from '@zenstack-live/change-log'
import { FIRST_ENTRY_ID, LIMITS, parseLsn } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { Hub } from '../src/log/hub.ts'

describe('the hub', () => {
  it('tells those who wait for a place that it was closed, and leaves no timer behind', async () => {
    const hub = await openHub()
    const timers = countTimers()
    const waiting = [hub.passed(parseLsn('0/10')), hub.passed(parseLsn('0/20'))].map((one) => one.catch((error: unknown) => error))
    expect(countTimers()).toBe(timers + 2)
    await hub.close()
    waiting.push(hub.passed(parseLsn('0/30')).catch((error: unknown) => error))
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'log_unavailable' })
    expect(countTimers()).toBe(timers)
  })
})

function countTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
}

/** A hub on a log that stays empty. */
function openHub(): Promise<Hub> {
  const log: Pick<ChangeLog, 'identity' | 'state' | 'positionAt' | 'continuity' | 'read' | 'tail'> = {
    identity: 'log',
    state: async () => ({ epoch: 1, oldest: undefined, newest: undefined, newestLsn: undefined, length: 0 }) as never,
    positionAt: async () => FIRST_ENTRY_ID,
    continuity: async () => 'ok',
    read: async () => [],
    async *tail(_after, { signal }) {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      yield []
    },
  }
  return Hub.open({ log: log as ChangeLog, data: {} as never, limits: LIMITS, lookBackMs: 0, nudge: () => {}, onError: () => {} })
}
