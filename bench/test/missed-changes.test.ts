import { encodeFrame, queryId, type Frame, type WireQuery } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/studio'
import { expect, it } from 'vitest'
import { createDatabaseHistory } from '../src/live/database-history.ts'
import { missedChanges } from '../src/live/missed-changes.ts'
import { rowsIn } from '../src/live/rows-in.ts'

const CHANGES = { model: 'Note', operation: '$changes', args: { created: {}, updated: {}, deleted: {} } } as const satisfies WireQuery
const q = queryId(CHANGES)

const note = (id: number, rank: number): object => ({ id, ownerId: 'ann', rank })

/** Note 1 changes, note 2 comes and goes, and note 3 is nothing to ann. */
const STATES = [
  { end: 100n, all: [note(1, 1)], mine: [note(1, 1)] },
  { end: 200n, all: [note(1, 2), note(2, 7)], mine: [note(1, 2), note(2, 7)] },
  { end: 300n, all: [note(1, 2), note(3, 9)], mine: [note(1, 2)] },
]

/** Note 4 changes, and changes back. */
const THERE_AND_BACK = [1, 5, 1].map((rank, index) => ({ end: BigInt(100 * (index + 1)), all: [note(4, rank)], mine: [note(4, rank)] }))

function historyOf(states: typeof STATES): ReturnType<typeof createDatabaseHistory> {
  const history = createDatabaseHistory()
  const rowsOf = (records: readonly object[]) => records.flatMap((record) => rowsIn(schema, 'Note', record))
  for (const { end, all, mine } of states) history.note({ end, readable: new Map(), rows: new Map([['ann', rowsOf(mine)]]), all: rowsOf(all) })
  return history
}

function missed(frames: readonly object[], states = STATES): string[] {
  const text = frames.map((frame) => encodeFrame({ q, ...frame } as Frame)).join('')
  return missedChanges(
    {
      user: 'ann',
      answers: [{ user: 'ann', chunks: [{ text, begun: states.length }] }],
      asked: new Map([[q as string, { model: 'Note', operation: '$changes', args: CHANGES.args, hidesKeys: false }]]),
    },
    { history: historyOf(states), policies: { schema, time: undefined, guardedIds: new Set() } },
  )
}

const ready = (at: string): object => ({ event: 'ready', at })
const told = (at: string, ...changes: object[]): object => ({ event: 'changes', at, changes })
const UPDATED = { type: 'updated', updated: { before: note(1, 1), after: note(1, 2) } }
const CREATED = { type: 'created', created: note(2, 7) }
const DELETED = { type: 'deleted', deleted: { id: 2 } }

it('owes each change that a reader could see', () => {
  expect(missed([ready('100-1'), told('200-2', UPDATED, CREATED), told('300-1', DELETED)])).toEqual([])
  expect(missed([ready('100-1')])).toEqual([expect.stringContaining('1 as it is since state 1')])
})

it('owes that a row is gone to who was told of it', () => {
  expect(missed([ready('100-1'), told('200-2', UPDATED, CREATED)])).toEqual([expect.stringContaining('2, deleted in state 2')])
  expect(missed([ready('100-1'), told('200-2', UPDATED)])).toEqual([])
})

it('owes nothing of before a stream began, or began anew, and nothing where it ended', () => {
  expect(missed([ready('200-2')])).toEqual([])
  expect(missed([ready('100-1'), { event: 'reset', at: '200-2', reason: 'gap' }, ready('200-2')])).toEqual([])
  expect(missed([ready('100-1'), { event: 'error', code: 'internal', message: '' }])).toEqual([])
})

it('does not take another state of the row for the one that is owed', () => {
  expect(missed([ready('100-1'), told('200-2', { ...UPDATED, updated: { before: null, after: note(1, 1) } })])).toHaveLength(1)
})

it('owes nothing of a row that is again as it was when the stream began, as a replay tells it', () => {
  expect(missed([ready('100-1')], THERE_AND_BACK)).toEqual([])
  expect(missed([ready('200-1')], THERE_AND_BACK)).toEqual([expect.stringContaining('4 as it is since state 2')])
})
