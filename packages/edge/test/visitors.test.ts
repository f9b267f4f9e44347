import { LIMITS, type Limits } from '@zenstack-live/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ALL_GUARDS } from '../src/guards.ts'
import { createKeys } from '../src/keys.ts'
import { encodeAccessTicket, ownerOf } from '../src/identity/access-ticket.ts'
import { IdentityChanges } from '../src/identity/identity-changes.ts'
import type { LiveClient } from '../src/identity/live-client.ts'
import { Visitors, type Visitor } from '../src/identity/visitors.ts'

const CROWD = 1_000
const KEYS = createKeys('a secret of sixteen bytes')

interface Asked {
  answer(): void
  fail(): void
}

/** Everybody's `getClient` is answered by the test. */
function setUp(more: Partial<Limits> = {}) {
  const limits = { ...LIMITS, ...more }
  const data = { schema: { authType: undefined, models: {} }, models: new Map() }
  const identityChanges = new IdentityChanges(data as never, { database: {} as never, hub: {} as never, guards: ALL_GUARDS, limits })
  const context = { limits, identityChanges, keys: KEYS, data: { fingerprint: '' } }
  const identities = { of: async () => ({ authKey: 'bob' }) }
  const visitors = new Visitors(context as never, identities as never)
  const asked: Asked[] = []
  const getClient = (): Promise<LiveClient> =>
    new Promise((resolve, reject) => asked.push({ answer: () => resolve({} as LiveClient), fail: () => reject(new Error('away')) }))
  const visitor = (): Visitor => visitors.byCredentials({ getClient })
  return { asked, visitor, visitors }
}

async function outcomes(settling: readonly Promise<unknown>[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const one of await Promise.allSettled(settling)) {
    const outcome = one.status === 'fulfilled' ? 'settled' : String((one.reason as { code?: unknown }).code)
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  }
  return counts
}

describe('finding out who a crowd is', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('asks for those whose streams are open first, and turns newcomers away of whom too many wait', async () => {
    const { asked, visitor } = setUp({ maxConcurrentIdentityQuestions: 1, maxWaitingQuestions: 2 })
    const known = visitor()
    const opening = known.settle()
    await vi.advanceTimersByTimeAsync(0)
    asked[0]?.answer()
    await opening
    const newcomers = Array.from({ length: 4 }, () => visitor().settle())
    const refused = outcomes(newcomers.slice(3))
    const again = known.settle()
    expect(await refused).toEqual(new Map([['overloaded', 1]]))
    await vi.advanceTimersByTimeAsync(0)
    asked[1]?.answer()
    await vi.advanceTimersByTimeAsync(0)
    asked[2]?.answer()
    // Though it came last.
    await again
    for (const index of [3, 4]) {
      await vi.advanceTimersByTimeAsync(0)
      asked[index]?.answer()
    }
    expect(await outcomes(newcomers.slice(0, 3))).toEqual(new Map([['settled', 3]]))
  })

  it('asks for maxConcurrentIdentityQuestions at a time, and for the next when one is answered, or fails', async () => {
    const { asked, visitor } = setUp({ maxConcurrentIdentityQuestions: 10 })
    const settling = Array.from({ length: CROWD }, () => visitor().settle())
    const all = outcomes(settling)
    let most = 0
    for (let answered = 0; answered < CROWD; answered++) {
      await vi.advanceTimersByTimeAsync(0)
      most = Math.max(most, asked.length - answered)
      if (answered % 2 === 0) asked[answered]?.answer()
      else asked[answered]?.fail()
    }
    expect([most, await all]).toEqual([
      10,
      new Map([
        ['settled', CROWD / 2],
        ['internal', CROWD / 2],
      ]),
    ])
  })

  it('counts the time of an answer from when it is asked for', async () => {
    const { asked, visitor } = setUp({ maxConcurrentIdentityQuestions: 1 })
    const all = outcomes([visitor().settle(), visitor().settle()])
    for (const at of [0, 1]) {
      await vi.advanceTimersByTimeAsync(LIMITS.identityTimeoutMs - 1)
      asked[at]?.answer()
    }
    expect(await all).toEqual(new Map([['settled', 2]]))
  })

  it('waits for an answer for identityTimeoutMs, and no longer', async () => {
    const { asked, visitor } = setUp()
    const all = outcomes([visitor().settle(), visitor().settle()])
    await vi.advanceTimersByTimeAsync(LIMITS.identityTimeoutMs - 1)
    asked[0]?.answer()
    await vi.advanceTimersByTimeAsync(1)
    asked[1]?.answer()
    expect(await all).toEqual(
      new Map([
        ['settled', 1],
        ['internal', 1],
      ]),
    )
  })

  it('lets nobody wait in line for longer than identityMaxAgeMs', async () => {
    const { asked, visitor } = setUp({ maxConcurrentIdentityQuestions: 1, identityTimeoutMs: 2 * LIMITS.identityMaxAgeMs })
    const all = outcomes([visitor().settle(), visitor().settle(), visitor().settle()])
    await vi.advanceTimersByTimeAsync(LIMITS.identityMaxAgeMs - 1)
    asked[0]?.answer()
    await vi.advanceTimersByTimeAsync(1)
    asked[1]?.answer()
    expect(await all).toEqual(
      new Map([
        ['settled', 2],
        ['overloaded', 1],
      ]),
    )
    const next = visitor().settle()
    await vi.advanceTimersByTimeAsync(0)
    asked[2]?.answer()
    await next
  })

  it('asks once for whoever is asked for again while the question waits', async () => {
    const { asked, visitor } = setUp({ maxConcurrentIdentityQuestions: 1 })
    const first = visitor().settle()
    const other = visitor()
    const settling = [other.settle(), other.settle()]
    await vi.advanceTimersByTimeAsync(0)
    asked[0]?.answer()
    await first
    await vi.advanceTimersByTimeAsync(0)
    // It may have been asked before what it is in doubt for now.
    settling.push(other.settle())
    await vi.advanceTimersByTimeAsync(0)
    asked[1]?.answer()
    await vi.advanceTimersByTimeAsync(0)
    asked[2]?.answer()
    await Promise.all(settling)
    expect(asked).toHaveLength(3)
  })
})

describe('a ticket in the URL', () => {
  it('is looked at where it has no more than maxAccessTicketBytes, and is none where it has more, though it is signed', () => {
    const access = encodeAccessTicket(KEYS, ' one stream', { subject: 'bob', owner: ownerOf(KEYS, 'bob'), expiresAtMs: 1 })
    const client = (): LiveClient => ({}) as LiveClient
    const credentials = { getClient: client, accessTickets: { mint: () => ({ subject: 'bob' }), redeem: client } }
    const comeWithin = (maxAccessTicketBytes: number): Visitor =>
      setUp({ maxAccessTicketBytes }).visitors.ofStream(credentials, new Request(`http://app/?access=${access}`), 'one stream')
    expect(comeWithin(access.length).expiresAtMs).toBe(1)
    expect(() => comeWithin(access.length - 1)).toThrow(expect.objectContaining({ code: 'unauthenticated' }))
  })
})
