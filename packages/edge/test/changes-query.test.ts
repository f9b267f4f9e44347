import type { EntryId, Lsn } from '@zenstack-live/protocol'
import { describe, expect, it, vi } from 'vitest'
import type { EdgeContext } from '../src/edge-context.ts'
import type { KeySetHolder } from '../src/queries/incremental/key-set-holder.ts'
import type { Place } from '../src/log/place.ts'
import type { Reader } from '../src/queries/live-query.ts'
import { ChangesQuery } from '../src/queries/changes/changes-query.ts'
import type { ChangesPlan } from '../src/queries/changes/changes-plan.ts'
import { NO_HORIZON, type Ticket } from '../src/streams/ticket.ts'

const HEAD: Place = { entry: '9-1' as EntryId, lsn: 9n as Lsn }
const BEFORE: Place = { entry: '2-1' as EntryId, lsn: 2n as Lsn }
const TICKET: Ticket = { scope: 's', entry: BEFORE.entry, horizon: NO_HORIZON, follows: '', order: '' }

/** A stream of changes whose log, and whose one set of keys, come when they are let. */
function open() {
  const log = Promise.withResolvers<void>()
  let keys = Promise.withResolvers<void>()
  const told: string[] = []
  const holder = { spec: { id: 'set' }, isReady: false, isKnownAt: () => holder.isReady, atHead: () => keys.promise, isTouchedBy: () => false }
  const hub = {
    history: { head: HEAD, after: () => undefined },
    passed: () => log.promise,
    since: async (_: EntryId, use: (missed: []) => void) => use([]),
  }
  const query = new ChangesQuery({
    context: { hub } as unknown as EdgeContext,
    plan: { model: { table: { schema: 'public', name: 'Note' } }, tables: new Set(), interestOf: () => ({}) } as unknown as ChangesPlan,
    identity: { auth: null } as never,
    isLocal: true,
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
  return { query, reader, told, letLogGo: log.resolve, readKeys, loseKeys }
}

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
