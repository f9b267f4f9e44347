import { LIMITS, type EntryId, type Limits, type Lsn } from '@zenstack-live/protocol'
import { describe, expect, it, vi } from 'vitest'
import type { EdgeContext } from '../src/edge-context.ts'
import type { KeySetHolder } from '../src/queries/incremental/key-set-holder.ts'
import type { Place } from '../src/log/place.ts'
import type { Reader } from '../src/queries/live-query.ts'
import { ChangesQuery } from '../src/queries/changes/changes-query.ts'
import type { ChangesPlan } from '../src/queries/changes/changes-plan.ts'
import { createMetrics } from '../src/operations/metrics.ts'
import type { Transaction } from '../src/log/transaction.ts'
import { NO_HORIZON, type Ticket } from '../src/streams/ticket.ts'

const HEAD: Place = { entry: '9-1' as EntryId, lsn: 9n as Lsn }
const BEFORE: Place = { entry: '2-1' as EntryId, lsn: 2n as Lsn }
const TICKET: Ticket = { scope: 's', entry: BEFORE.entry, horizon: NO_HORIZON, follows: '', order: '' }

/** A stream of changes whose log, and whose one set of keys, come when they are let, and whose database never answers. */
function open(limits: Partial<Limits> = {}) {
  const log = Promise.withResolvers<void>()
  let keys = Promise.withResolvers<void>()
  const told: string[] = []
  const holder = { spec: { id: 'set' }, isReady: false, isKnownAt: () => holder.isReady, atHead: () => keys.promise, isTouchedBy: () => false }
  const hub = {
    history: { head: HEAD, after: () => undefined },
    passed: () => log.promise,
    since: async (_: EntryId, use: (missed: []) => void) => use([]),
  }
  const model = { name: 'Note', table: { schema: 'public', name: 'Note' }, idFields: [] }
  const query = new ChangesQuery({
    context: { hub, limits: { ...LIMITS, ...limits }, metrics: createMetrics(), ask: () => new Promise(() => {}) } as unknown as EdgeContext,
    plan: {
      model,
      tables: new Set(),
      interestOf: () => ({}),
      created: { plain: { fields: new Set(), decide: () => true } },
      policy: { guardedFields: new Set() },
      askedFields: new Set(),
    } as unknown as ChangesPlan,
    identity: { auth: null } as never,
    isLocal: false,
    keySets: [holder as unknown as KeySetHolder],
    onInterest: () => {},
    onDeserted: () => {},
  })
  const reader = {
    isFlowing: false,
    push: () => told.push('changes'),
    ready: (at: Place) => told.push(`ready ${at.entry}`),
    reset: (reason: string) => told.push(`reset ${reason}`),
    wait: () => told.push('wait'),
    fail: () => told.push('error'),
    wasAnother: () => false,
  } as unknown as Reader
  const readKeys = (): void => {
    holder.isReady = true
    keys.resolve()
  }
  const loseKeys = (): void => {
    holder.isReady = false
    keys = Promise.withResolvers()
  }
  const create = (number: number): void => {
    const place: Place = { entry: `${10 + number}-1` as EntryId, lsn: BigInt(10 + number) as Lsn }
    const effects = [{ model, key: String(number), before: null, after: {} }]
    query.onTransaction(
      { place, before: HEAD, xid: number, unknown: new Map(), effects, committedAtMs: 1 } as unknown as Transaction,
      effects as never,
      false,
    )
  }
  return { query, reader, told, letLogGo: log.resolve, readKeys, loseKeys, create }
}

describe('a stream of changes whose database does not answer', () => {
  it.each([
    { count: 3, told: ['ready 9-1'] },
    { count: 4, told: ['ready 9-1', 'reset slow', 'ready 9-1'] },
  ])('keeps maxPendingTransactions transactions, here 3, and begins anew with one more: with $count $told', async (row) => {
    const { query, reader, told, readKeys, create } = open({ maxPendingTransactions: 3 })
    readKeys()
    query.open(reader)
    await vi.waitFor(() => expect(told).toEqual(['ready 9-1']))
    for (let number = 0; number < row.count; number++) create(number)
    expect(told).toEqual(row.told)
    query.leave(reader)
  })
})

describe('a stream of changes that goes on from a place', () => {
  it('tells from there on when the log and the memberships are known', async () => {
    const { query, reader, told, letLogGo, readKeys } = open()
    query.resume(reader, TICKET, BEFORE)
    readKeys()
    letLogGo()
    await vi.waitFor(() => expect(told).toEqual(['ready 2-1']))
    expect(reader.isFlowing).toBe(true)
  })

  it('tells nothing from there when it began anew meanwhile', async () => {
    const { query, reader, told, letLogGo, readKeys } = open()
    query.resume(reader, TICKET, BEFORE)
    readKeys()
    query.onReset('epoch')
    await vi.waitFor(() => expect(told).toEqual(['reset epoch', 'ready 9-1']))
    letLogGo()
    await vi.waitFor(() => expect(told).toHaveLength(2))
    await Promise.resolve()
    expect(told).toEqual(['reset epoch', 'ready 9-1'])
  })

  it('tells nothing from there while it begins anew, and begins once however often it is to', async () => {
    const { query, reader, told, letLogGo, readKeys, loseKeys } = open()
    readKeys()
    query.resume(reader, TICKET, BEFORE)
    loseKeys()
    query.onReset('epoch')
    query.onReset('gap')
    letLogGo()
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    expect(told).toEqual(['reset epoch', 'reset gap'])
    readKeys()
    await vi.waitFor(() => expect(told).toEqual(['reset epoch', 'reset gap', 'ready 9-1']))
  })

  it('tells nothing to who has left', async () => {
    const { query, reader, told, letLogGo, readKeys } = open()
    query.resume(reader, TICKET, BEFORE)
    query.leave(reader)
    readKeys()
    letLogGo()
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    expect([told, reader.isFlowing]).toEqual([[], false])
  })
})
