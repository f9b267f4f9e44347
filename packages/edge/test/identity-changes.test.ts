import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { errorCodeOf, LIMITS } from '@zenstack-live/protocol'
import { parsePgSnapshot } from '../src/database/pg-snapshot.ts'
import { ALL_GUARDS } from '../src/guards.ts'
import type { Identity } from '../src/identity/identity.ts'
import { IdentityChanges, type SettledIdentity } from '../src/identity/identity-changes.ts'
import type { Transaction } from '../src/log/transaction.ts'

/** @param passed - when the log has passed a place */
function setUp(passed: () => Promise<void>) {
  const user = { table: { schema: 'public', name: 'User' }, idFields: ['id'] }
  const data = { schema: { authType: 'User', models: {} }, models: new Map([['User', user]]) }
  const hub = { passed: vi.fn(passed), log: { identity: 'log', epoch: 1 } }
  const database = { endOfLog: vi.fn(async () => '0/1'), query: vi.fn(async () => [{ snapshot: '' }]) }
  const options = { database, hub, guards: ALL_GUARDS, limits: LIMITS }
  return { user, hub, database, changes: new IdentityChanges(data as never, options as never) }
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
  const bob = { key: 'bob', authKey: 'bob' } as Identity
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

  it('may have made another of whom nobody says which row they are', () => {
    const { user, changes } = setUp(async () => {})
    // As where policies read a role.
    Object.assign(changes, { decidesAnswers: true })
    const told = [{ xid: 1, tables: new Set(['public.User']), unknown: new Set(), effects: [{ model: user, key: 'cay' }] }] as never
    const of = (auth: object | null, authKey?: string): boolean => changes.wasAnother(told, { auth, authKey } as Identity)
    expect([of({ role: 'MANAGER' }), of(null), of({ id: 'bob', role: 'MANAGER' }, 'bob'), of({ id: 'cay' }, 'cay')]).toEqual([
      true,
      false,
      false,
      true,
    ])
  })

  it('is waited for still behind a mere gap: the database is the same, and will show it', async () => {
    const { changes, database, settle, settled } = await waiting()
    changes.onReset()
    settle()
    await vi.advanceTimersByTimeAsync(LIMITS.identityTimeoutMs / 3)
    expect([settled(), changes.areShownBy(AT_900, bob)]).toEqual([0, false])
    database.query.mockResolvedValue([{ snapshot: '1001:1001:' }])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(settled()).toBe(2)
  })

  it('is waited for no longer than identityTimeoutMs where the database does not show it', async () => {
    const { changes, database } = setUp(async () => {})
    database.query.mockResolvedValue([{ snapshot: '900:900:' }])
    changes.note(changed(1_000))
    const settling = outcomeOf(changes.settle(async () => ({ identity: bob, askedAt: changes.askNow() }), 'answer', undefined))
    await vi.advanceTimersByTimeAsync(LIMITS.identityTimeoutMs)
    expect(await settling).toBe('overloaded')
  })

  it('is asked about for no longer than identityTimeoutMs where each question makes another', async () => {
    const { changes, database } = setUp(async () => {})
    let xid = 1_000
    let askedCount = 0
    database.query.mockImplementation(async () => [{ snapshot: `${xid + 1}:${xid + 1}:` }])
    const ask = async (): Promise<SettledIdentity> => {
      const askedAt = changes.askNow()
      await new Promise((resolve) => setTimeout(resolve, 100))
      changes.note(changed(++xid))
      askedCount++
      return { identity: bob, askedAt }
    }
    const settling = outcomeOf(changes.settle(ask, 'stream', undefined))
    await vi.advanceTimersByTimeAsync(2 * LIMITS.identityTimeoutMs)
    expect(await settling).toBe('overloaded')
    expect(askedCount).toBeGreaterThan(2)
    const before = askedCount
    await vi.advanceTimersByTimeAsync(60_000)
    expect(askedCount).toBe(before)
  })

  const outcomeOf = (settling: Promise<unknown>): Promise<unknown> =>
    settling.then(
      () => 'settled',
      (error: unknown) => errorCodeOf(error),
    )

  /** A database that has only come to 900, and somebody who waits for it to show 1,000. */
  async function waiting() {
    const { changes, database, hub } = setUp(async () => {})
    database.query.mockResolvedValue([{ snapshot: '900:900:' }])
    changes.note(changed(1_000))
    let settledCount = 0
    const settle = (): void =>
      void changes.settle(async () => ({ identity: bob, askedAt: changes.askNow() }), 'stream', bob).then(() => settledCount++)
    settle()
    await vi.advanceTimersByTimeAsync(LIMITS.identityTimeoutMs / 3)
    expect([settledCount, changes.areShownBy(AT_900, bob)]).toEqual([0, false])
    return { changes, database, hub, settle, settled: () => settledCount }
  }
})
