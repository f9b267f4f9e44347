import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parsePgSnapshot } from '../src/database/pg-snapshot.ts'
import { ALL_GUARDS } from '../src/guards.ts'
import type { Identity } from '../src/identity/identity.ts'
import { IdentityChanges } from '../src/identity/identity-changes.ts'
import type { Transaction } from '../src/log/transaction.ts'

/** @param passed - when the log has passed a place */
function setUp(passed: () => Promise<void>) {
  const user = { table: { schema: 'public', name: 'User' }, idFields: ['id'] }
  const data = { schema: { authType: 'User', models: {} }, models: new Map([['User', user]]) }
  const hub = { passed: vi.fn(passed), log: { identity: 'log', epoch: 1 } }
  const database = { endOfLog: vi.fn(async () => '0/1'), query: vi.fn(async () => [{ snapshot: '' }]) }
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

describe('a change of the row behind an identity', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 0 }))
  afterEach(() => void vi.useRealTimers())

  const AT_900 = parsePgSnapshot('900:900:')
  const bob = { authKey: 'bob' } as Identity
  const changed = (xid: number): Transaction => ({ xid, tables: new Set(['public.User']), unknown: new Set(['public.User']) }) as never

  it.each([
    ['another epoch', { identity: 'log', epoch: 2 }],
    ['another log', { identity: 'another', epoch: 1 }],
  ])('is waited for no more where %s begins: the database may be one that will never show it', async (_, log) => {
    const { changes, database, hub, settle, settled } = await waiting()
    hub.log = log
    changes.onReset()
    settle()
    await vi.advanceTimersByTimeAsync(1_000)
    expect([settled(), changes.areShownBy(AT_900, bob)]).toEqual([2, true])
    const asked = database.query.mock.calls.length
    await vi.advanceTimersByTimeAsync(60_000)
    expect(database.query.mock.calls.length).toBe(asked)
  })

  it('is waited for still behind a mere gap: the database is the same, and will show it', async () => {
    const { changes, database, settle, settled } = await waiting()
    changes.onReset()
    settle()
    await vi.advanceTimersByTimeAsync(60_000)
    expect([settled(), changes.areShownBy(AT_900, bob)]).toEqual([0, false])
    database.query.mockResolvedValue([{ snapshot: '1001:1001:' }])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(settled()).toBe(2)
  })

  /** A database that has only come to 900, and somebody who waits for it to show 1,000. */
  async function waiting() {
    const { changes, database, hub } = setUp(async () => {})
    database.query.mockResolvedValue([{ snapshot: '900:900:' }])
    changes.note(changed(1_000))
    let settledCount = 0
    const settle = (): void =>
      void changes
        .settle(
          async () => ({ identity: bob, askedAt: changes.askNow() }),
          () => false,
        )
        .then(() => settledCount++)
    settle()
    await vi.advanceTimersByTimeAsync(60_000)
    expect([settledCount, changes.areShownBy(AT_900, bob)]).toEqual([0, false])
    return { changes, database, hub, settle, settled: () => settledCount }
  }
})
