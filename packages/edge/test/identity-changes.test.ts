import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ALL_GUARDS } from '../src/guards.ts'
import { IdentityChanges } from '../src/identity/identity-changes.ts'

/** @param passed - when the log has passed a place */
function setUp(passed: () => Promise<void>) {
  const user = { table: { schema: 'public', name: 'User' }, idFields: ['id'] }
  const data = { schema: { authType: 'User', models: {} }, models: new Map([['User', user]]) }
  const hub = { passed: vi.fn(passed) }
  const database = { endOfLog: vi.fn(async () => '0/1') }
  return { hub, database, changes: new IdentityChanges(data as never, { database: database as never, hub: hub as never, guards: ALL_GUARDS }) }
}

describe('waiting until every change of an identity was told', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 0 }))
  afterEach(() => void vi.useRealTimers())

  it('is one wait for all who ask meanwhile, and never one that began before they asked', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { hub, database, changes } = setUp(() => promise)
    const first = changes.areTold()
    await vi.advanceTimersByTimeAsync(1)
    const others = Array.from({ length: 1_000 }, () => changes.areTold())
    await vi.advanceTimersByTimeAsync(1)
    expect([hub.passed.mock.calls.length, database.endOfLog.mock.calls.length]).toEqual([1, 1])
    resolve()
    expect(new Set([await first, ...(await Promise.all(others))])).toEqual(new Set([true]))
    expect([hub.passed.mock.calls.length, database.endOfLog.mock.calls.length]).toEqual([2, 2])
  })

  it('ends without an answer while the log stands still, and leaves no more behind than one for each second', async () => {
    const { hub, changes } = setUp(() => new Promise(() => {}))
    const answers: Promise<boolean>[] = []
    for (let asked = 0; asked < 1_000; asked++) {
      answers.push(changes.areTold())
      await vi.advanceTimersByTimeAsync(10)
    }
    await vi.advanceTimersByTimeAsync(2_000)
    expect(new Set(await Promise.all(answers))).toEqual(new Set([false]))
    expect(hub.passed.mock.calls.length).toBeLessThanOrEqual(12)
  })
})
