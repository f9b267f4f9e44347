import { LIMITS, type EntryId, type Lsn, type QueryId } from '@zenstack-live/protocol'
import { describe, expect, it, vi } from 'vitest'
import { ALL_GUARDS } from '../src/guards.ts'
import { createKeys } from '../src/keys.ts'
import { createMetrics } from '../src/operations/metrics.ts'
import { Connection, type ConnectionHost } from '../src/streams/connection.ts'
import { octetsOf, type Octets } from '../src/streams/octets.ts'
import { createPlaceTexts } from '../src/streams/place-texts.ts'
import { NO_HORIZON } from '../src/streams/ticket.ts'
import type { EdgeContext } from '../src/edge-context.ts'
import type { Identity } from '../src/identity/identity.ts'
import type { LiveQuery, Reader } from '../src/queries/live-query.ts'
import type { Place } from '../src/log/place.ts'
import { NO_ID, type IdBlock } from '../src/streams/id-block.ts'

const HEAD = { entry: '1-1' as EntryId, lsn: 1n as Lsn }
const keys = createKeys('a secret of the tests')
const identity = (key: string): Identity => ({ key, fingerprint: key, client: {} as never, auth: null, authKey: key, isSameUser: true })

/** A connection of ann with one query, whose socket takes what `hasRoom` lets it. */
function opened(onlyQuery?: string) {
  const written: Octets[] = []
  const socket = { hasRoom: true }
  let reader: Reader | undefined
  let who = identity('ann')
  const hub = { history: { head: HEAD as Place }, whenPassed: () => () => {} }
  const context = {
    hub,
    keys,
    limits: LIMITS,
    metrics: createMetrics(),
    guards: ALL_GUARDS,
    identityChanges: { isOutdated: () => false, mayBeAhead: () => false },
    nudge: () => {},
    ...createPlaceTexts(keys, () => ({ identity: 'log', epoch: 1 })),
  } as unknown as EdgeContext
  const catchUp = vi.fn((of: Reader) => void (of.isFlowing = true))
  const live = {
    id: 'live',
    engine: 'incremental',
    shape: 'rows',
    mayBeBehind: false,
    behind: undefined as Place | undefined,
    open(of: Reader) {
      reader = of
      of.push(octetsOf('snapshot'))
      of.isFlowing = true
      of.ready(HEAD, NO_HORIZON, live as unknown as LiveQuery)
    },
    catchUp,
    leave: () => {},
  }
  const onIdentity = vi.fn()
  const onClosed = vi.fn()
  const host: ConnectionHost = {
    context,
    begin: (of) => (live.open(of), live as unknown as LiveQuery),
    // Others have it, too.
    listOf: (block) => Object.freeze([block]) as unknown as Octets[],
    onDirty: () => {},
    onIdentity,
    onClosed,
  }
  const sink = {
    write: (parts: readonly Octets[], id?: IdBlock) => (written.push(...parts, ...(id === undefined ? [] : [id.idHead])), socket.hasRoom),
    waitingMark: 0,
    end: () => {},
    destroy: () => {},
  }
  const visitor = { identity: who, settle: async () => ({ identity: who, askedAt: 0 }), expiresAtMs: undefined }
  const connection = new Connection({ host, sink, identity: who, onlyQuery, resumedAt: undefined, visitor })
  connection.add('q' as QueryId, { model: 'Note', operation: 'findMany' }, undefined)
  const text = (): string => written.splice(0).join('')
  return {
    connection,
    socket,
    sink,
    onClosed,
    hub,
    live,
    reader: () => reader,
    idAt: (place: Place) => context.idHead(place),
    catchUp,
    onIdentity,
    text,
    isFlowing: () => reader?.isFlowing,
    becomes(name: string, authKey = name) {
      who = { ...identity(name), authKey }
      connection.doubt(HEAD)
      return vi.waitFor(() => expect(connection.identity).toBe(who))
    },
  }
}

describe('a stream whose reader takes nothing', () => {
  it('gets one answer for whoever it belongs to now, and nothing more until there is room', async () => {
    const { connection, socket, catchUp, text, isFlowing, becomes } = opened()
    socket.hasRoom = false
    connection.flush()
    expect([text().includes('snapshot'), isFlowing()]).toEqual([true, false])
    await becomes('bob')
    expect([isFlowing(), connection.isHeld]).toEqual([false, true])
    await becomes('cay')
    connection.flush()
    expect([text(), isFlowing(), catchUp.mock.calls.length]).toEqual(['', false, 0])
    socket.hasRoom = true
    connection.onRoom()
    connection.flush()
    expect([text().match(/snapshot/g)?.length, isFlowing(), connection.isHeld, catchUp.mock.calls.length]).toEqual([1, true, false, 1])
  })
})

describe('a stream that ends', () => {
  it('is let go also where its socket cannot be ended', () => {
    const { connection, sink, onClosed, isFlowing } = opened()
    connection.flush()
    sink.end = () => {
      throw new Error('somebody replaced it')
    }
    expect(() => connection.leave()).toThrow('somebody replaced it')
    expect([onClosed.mock.calls.length, isFlowing()]).toEqual([1, false])
  })
})

describe('a stream that gets several blocks at once', () => {
  it('writes them in order, and leaves what others write alone', () => {
    const { connection, text } = opened()
    connection.flush()
    text()
    for (const block of ['a', 'b', 'c']) connection.push(octetsOf(block))
    connection.flush()
    expect(text()).toMatch(/^abcid: /)
  })
})

describe('a stream that is told late that its socket was full', () => {
  it('is held from then on, and goes on when there is room', () => {
    const { connection, catchUp, isFlowing } = opened()
    connection.flush()
    connection.onFull()
    expect([isFlowing(), catchUp.mock.calls.length]).toEqual([false, 0])
    connection.onRoom()
    expect([isFlowing(), catchUp.mock.calls.length]).toEqual([true, 1])
  })
})

describe("a stream's id", () => {
  const place = (number: number): Place => ({ entry: `${number}-1` as EntryId, lsn: BigInt(number) as Lsn })

  it('passes no place that its query may still be behind, nor any while the query waits', () => {
    const { connection, hub, live, reader, idAt, text } = opened()
    connection.flush()
    text()
    const movedTo = (head: Place): string => {
      hub.history.head = head
      connection.moveId()
      return text()
    }
    expect(movedTo(place(2))).toBe(idAt(place(2)))
    reader()?.wait()
    expect(movedTo(place(3))).toBe('')
    Object.assign(live, { mayBeBehind: true, behind: place(4) })
    reader()?.ready(place(3), NO_HORIZON, live as unknown as LiveQuery)
    connection.flush()
    expect(text().endsWith(idAt(place(3)))).toBe(true)
    expect(movedTo(place(5))).toBe(idAt(place(4)))
    live.behind = undefined
    expect(movedTo(place(6))).toBe(idAt(place(6)))
    live.behind = place(6)
    expect(movedTo(place(7))).toBe('')
  })

  it.each([
    { engine: 'incremental', kept: true },
    { engine: 'requery', kept: false },
  ])('is kept over a new answer while that may not be told: $kept where it comes from $engine', ({ engine, kept }) => {
    const { connection, reader, live, idAt, text } = opened('the only query')
    connection.flush()
    expect(text().endsWith(idAt(HEAD))).toBe(true)
    live.engine = engine
    reader()?.ready(HEAD, place(9).lsn, live as unknown as LiveQuery)
    connection.flush()
    expect(text().endsWith(kept ? idAt(HEAD) : NO_ID.idHead)).toBe(true)
  })

  it('waits for no place of a log that has begun anew', async () => {
    const { connection, hub, reader, live, idAt, text } = opened()
    reader()?.ready(HEAD, place(9).lsn, live as unknown as LiveQuery)
    connection.flush()
    text()
    hub.history.head = place(2)
    connection.moveId()
    expect(text()).toBe('')
    connection.onReset()
    await vi.waitFor(() => expect(connection.isHeld).toBe(false))
    connection.moveId()
    expect(text()).toBe(idAt(place(2)))
  })
})

describe('a stream of somebody else whom policies do not tell apart', () => {
  it('follows the row behind the new one', async () => {
    const { connection, onIdentity, becomes, catchUp } = opened()
    connection.flush()
    await becomes('ann', 'ann of another tenant')
    expect(onIdentity.mock.calls.map(([, previous]) => (previous as Identity).authKey)).toEqual(['ann'])
    expect([connection.identity.authKey, catchUp.mock.calls.length]).toEqual(['ann of another tenant', 1])
  })
})
