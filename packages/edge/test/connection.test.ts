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

const HEAD = { entry: '1-1' as EntryId, lsn: 1n as Lsn }
const keys = createKeys('a secret of the tests')
const identity = (key: string): Identity => ({ key, fingerprint: key, client: {} as never, auth: null, authKey: key, isSameUser: true })

/** A connection of ann with one query, whose socket takes what `hasRoom` lets it. */
function opened() {
  const written: Octets[] = []
  const socket = { hasRoom: true }
  let reader: Reader | undefined
  let who = identity('ann')
  const hub = { history: { head: HEAD }, whenPassed: () => () => {} }
  const context = {
    hub,
    keys,
    limits: LIMITS,
    metrics: createMetrics(),
    guards: ALL_GUARDS,
    nudge: () => {},
    ...createPlaceTexts(keys, () => ({ identity: 'log', epoch: 1 })),
  } as unknown as EdgeContext
  const catchUp = vi.fn((of: Reader) => void (of.isFlowing = true))
  const live = {
    id: 'live',
    engine: 'incremental',
    shape: 'rows',
    behind: undefined,
    open(of: Reader) {
      reader = of
      of.push(octetsOf('snapshot'))
      of.isFlowing = true
      of.ready(HEAD, NO_HORIZON, live)
    },
    catchUp,
    leave: () => {},
  } as unknown as LiveQuery
  const host: ConnectionHost = {
    context,
    begin: (of) => (live.open(of), live),
    onDirty: () => {},
    onIdentity: () => {},
    onClosed: () => {},
  }
  const sink = { write: (parts: readonly Octets[]) => (written.push(...parts), socket.hasRoom), waitingMark: 0, end: () => {}, destroy: () => {} }
  const visitor = { identity: who, settle: async () => ({ identity: who, askedAt: 0 }), expiresAtMs: undefined }
  const connection = new Connection({ host, sink, identity: who, onlyQuery: undefined, resumedAt: undefined, visitor })
  connection.add('q' as QueryId, { model: 'Note', operation: 'findMany' }, undefined)
  const text = (): string => written.splice(0).join('')
  return {
    connection,
    socket,
    catchUp,
    text,
    isFlowing: () => reader?.isFlowing,
    becomes(name: string) {
      who = identity(name)
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
