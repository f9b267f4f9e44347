import { LIMITS, type EntryId, type Lsn } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { createHistory, type History } from '../src/log/history.ts'
import type { Place } from '../src/log/place.ts'
import type { Transaction } from '../src/log/transaction.ts'

const place = (number: number): Place => ({ entry: `${number}-0` as EntryId, lsn: BigInt(number) as Lsn })

function filled(limits: { ringEntries?: number; ringBytes?: number }, count: number): History {
  const history = createHistory(place(0), { ...LIMITS, ...limits })
  for (let number = 1; number <= count; number++) {
    // Only what a history looks at.
    history.add({ place: place(number), before: place(number - 1), xid: number, bytes: 100 } as Transaction)
  }
  return history
}

const after = (history: History, number: number): number[] | undefined => history.after(place(number).entry)?.map(({ place: { lsn } }) => Number(lsn))

describe('the memory of the newest changes', () => {
  it('holds ringEntries transactions, and says so of what is older', () => {
    expect(after(filled({ ringEntries: 3 }, 3), 0)).toEqual([1, 2, 3])
    const history = filled({ ringEntries: 3 }, 5)
    expect([after(history, 1), after(history, 2), after(history, 4), after(history, 5)]).toEqual([undefined, [3, 4, 5], [5], []])
  })

  it('holds ringBytes of them', () => {
    expect(after(filled({ ringBytes: 300 }, 3), 0)).toEqual([1, 2, 3])
    const history = filled({ ringBytes: 299 }, 3)
    expect([after(history, 0), after(history, 1)]).toEqual([undefined, [2, 3]])
    expect(after(filled({ ringBytes: 99 }, 3), 3)).toEqual([])
  })

  it('holds them as well when it has let go of thousands', () => {
    const history = filled({ ringEntries: 10 }, 5_000)
    expect([after(history, 4_989), after(history, 4_990)?.length]).toEqual([undefined, 10])
  })

  it('says where the first stands that a snapshot does not show, for longer than it holds the changes', () => {
    const history = filled({ ringEntries: 1 }, 20)
    expect(history.firstUnseen({ xmin: 5n, xmax: 30n, running: new Set([7n, 9n]) })).toEqual(place(6))
    expect(history.firstUnseen({ xmin: 30n, xmax: 30n, running: new Set() })).toBeUndefined()
  })

  it('holds nothing when continuity ended', () => {
    const history = filled({}, 5)
    history.restart(place(9))
    expect([after(history, 5), after(history, 9), history.head]).toEqual([undefined, [], place(9)])
  })
})
