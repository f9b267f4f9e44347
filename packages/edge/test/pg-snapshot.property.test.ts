import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePgSnapshot, sees } from '../src/database/pg-snapshot.ts'
import { createRememberedXids } from '../src/log/remembered-xids.ts'
import { parseEntryId, type Lsn } from '@zenstack-live/protocol'

/** Transactions around any 64-bit id, some of them still running. */
const world = fc.record({
  xmin: fc.bigInt(3n, (1n << 63n) - 1n),
  states: fc.array(fc.constantFrom('committed', 'running'), { minLength: 1, maxLength: 30 }),
  startedLater: fc.nat(5),
})

describe('what a snapshot shows', () => {
  it('is known from 32 bits of a transaction id, across the end of the 32 bits too', () => {
    fc.assert(
      fc.property(world, ({ xmin, states, startedLater }) => {
        const running = states.flatMap((state, index) => (state === 'running' ? [xmin + BigInt(index)] : []))
        const lastCompleted = states.lastIndexOf('committed')
        const xmax = xmin + BigInt(lastCompleted + 1)
        const snapshot = parsePgSnapshot(`${running.find((xid) => xid < xmax) ?? xmax}:${xmax}:${running.filter((xid) => xid < xmax).join(',')}`)
        for (const [index, state] of states.entries()) {
          expect(sees(snapshot, Number(BigInt.asUintN(32, xmin + BigInt(index))))).toBe(state === 'committed')
        }
        for (let later = 0; later < startedLater; later++)
          expect(sees(snapshot, Number(BigInt.asUintN(32, xmin + BigInt(states.length + later))))).toBe(false)
      }),
    )
  })

  it('leaves out the first commit of the log that it does not show, also one whose id is above xmax', () => {
    fc.assert(
      fc.property(world, fc.infiniteStream(fc.nat()), ({ xmin, states }, order) => {
        const running = states.flatMap((state, index) => (state === 'running' ? [xmin + BigInt(index)] : []))
        const xmax = xmin + BigInt(states.lastIndexOf('committed') + 1)
        const snapshot = parsePgSnapshot(`${xmin}:${xmax}:${running.filter((xid) => xid < xmax).join(',')}`)
        // All are in the log, in whatever order they committed.
        const inLog = states
          .map((state, index) => ({ state, xid: xmin + BigInt(index), rank: order.next().value ?? 0 }))
          .sort((a, b) => a.rank - b.rank)
        const remembered = createRememberedXids()
        const places = inLog.map((_, index) => ({ entry: parseEntryId(`${index + 1}-0`), lsn: BigInt(index + 1) as Lsn }))
        for (const [index, { xid }] of inLog.entries()) {
          const place = places[index]
          if (place !== undefined) remembered.add(Number(BigInt.asUintN(32, xid)), place)
        }
        const first = inLog.findIndex(({ state }) => state === 'running')
        expect(remembered.firstUnseen(snapshot)).toBe(first < 0 ? undefined : places[first])
      }),
    )
  })

  it('is not guessed from what is no snapshot', () => {
    for (const text of ['', '1', '1:2', '1:2:x', '1:2:3,', ':1:2']) expect(() => parsePgSnapshot(text)).toThrow(/snapshot/)
  })
})
