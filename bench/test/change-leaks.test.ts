import { schema } from '@zenstack-live/testing/studio'
import { describe, expect, it } from 'vitest'
import { changeLeaks } from '../src/live/change-leaks.ts'
import { createReadableHistory, type ReadableHistory } from '../src/live/readable-history.ts'
import { rowsIn } from '../src/live/rows-in.ts'

const NOTE = { ownerId: 'ann', body: 'a note', rank: 1 }
/** The id of the one note, state by state. Its reader never sees it. */
const IDS = [1, 1, 2, 2]

function historyOf(notes: readonly object[]): ReadableHistory {
  const history = createReadableHistory()
  for (const [state, note] of notes.entries()) history.note(state, rowsIn(schema, 'Note', note))
  return history
}

/** What is reported where the note is told as created in one state, after it was told nothing since another. */
function leaksWhereCreated({ at, since }: { at: number; since: number }): string[] {
  const created = { type: 'created', date: '2026-01-02T03:04:05.678Z', created: { id: null, ...NOTE } } as const
  return changeLeaks([created], {
    schema,
    query: { model: 'Note', operation: '$changes', args: {}, hidesKeys: false },
    at,
    all: historyOf(IDS.map((id) => ({ id, ...NOTE }))),
    history: historyOf(IDS.map(() => NOTE)),
    untoldSince: () => since,
  })
}

describe('changeLeaks', () => {
  it('takes a row whose key changed for another, also where the key is kept back', () => {
    expect(leaksWhereCreated({ at: 2, since: 0 })).toEqual([])
    expect(leaksWhereCreated({ at: 3, since: 1 })).toEqual([])
  })

  it('takes a row that took the key of another for a change of that one', () => {
    const updated = { type: 'updated', date: '2026-01-02T03:04:05.678Z', updated: { before: null, after: { id: null, ...NOTE } } } as const
    const history = createReadableHistory()
    const all = createReadableHistory()
    for (const [state, id] of [1, 2].entries()) {
      history.note(state, rowsIn(schema, 'Note', NOTE))
      const other = id === 1 ? rowsIn(schema, 'Note', { id: 2, ownerId: 'bob', body: 'another', rank: 7 }) : []
      all.note(state, [...rowsIn(schema, 'Note', { id, ...NOTE }), ...other])
    }
    const query = { model: 'Note', operation: '$changes', args: {}, hidesKeys: false } as const
    const leaksAt = (at: number, since: number): string[] => changeLeaks([updated], { schema, query, at, all, history, untoldSince: () => since })
    expect([leaksAt(1, 0), leaksAt(1, 1).length]).toEqual([[], 1])
  })

  it('reports as created what has been there', () => {
    expect(leaksWhereCreated({ at: 1, since: 0 })).toHaveLength(1)
    expect(leaksWhereCreated({ at: 3, since: 2 })).toHaveLength(1)
  })

  it('lets what was kept back be told at the last change of its row, as a replay does, and not twice', () => {
    const note = { id: 1, ...NOTE }
    const updated = { type: 'updated', date: '2026-01-02T03:04:05.678Z', updated: { before: note, after: note } } as const
    const leaks = (since: number): string[] =>
      changeLeaks([updated], {
        schema,
        query: { model: 'Note', operation: '$changes', args: {}, hidesKeys: false },
        at: 2,
        // Its secret is kept back from the second state on, and changes once more in the third.
        all: historyOf(['a', 'b', 'c'].map((secret) => ({ ...note, secret }))),
        history: historyOf([{ ...note, secret: 'a' }, note, note]),
        untoldSince: () => since,
      })
    expect([leaks(0), leaks(1).length]).toEqual([[], 2])
  })
})
