import type { Model, StoredRow } from '@zenstack-live/model'
import { describe, expect, it } from 'vitest'
import { replayEffects } from '../src/queries/incremental/replay-effects.ts'
import type { RowEffect } from '../src/log/transaction.ts'

// Only its name is looked at.
const model = { name: 'Note' } as Model
const row = (rank: number): StoredRow => ({ id: 1, rank })
const effect = (before: StoredRow | null, after: StoredRow | null, key = '1'): RowEffect => ({ model, key, before, after })
const isShown = ({ rank }: StoredRow): boolean | 'ask-database' => (rank === 9 ? 'ask-database' : Number(rank) > 0)
const replay = (...effects: RowEffect[]): unknown[] => replayEffects(effects, isShown).map(({ key, before, after }) => [key, before, after])

describe('what a reader is told that may hold any state in between', () => {
  it('is the last state of a row that is shown, whatever it was before', () => {
    expect(replay(effect(row(1), row(2)), effect(row(2), row(1)))).toEqual([['1', null, row(1)]])
    expect(replay(effect(row(0), row(1)))).toEqual([['1', null, row(1)]])
  })

  it('is that it left, of a row that was shown at any time', () => {
    expect(replay(effect(null, row(1)), effect(row(1), null))).toEqual([['1', row(1), null]])
    expect(replay(effect(row(0), row(1)), effect(row(1), row(0)))).toEqual([['1', row(1), null]])
    expect(replay(effect(row(1), row(0)))).toEqual([['1', row(1), null]])
  })

  it('is nothing of a row that was never shown', () => {
    expect(replay(effect(null, row(0)), effect(row(0), row(-1)), effect(row(-1), null))).toEqual([])
  })

  it('counts what cannot be told as shown, so that the database is asked', () => {
    expect(replay(effect(row(0), row(9)))).toEqual([['1', null, row(9)]])
    expect(replay(effect(row(9), row(0)))).toEqual([['1', row(9), null]])
  })

  it('comes in the order in which rows were last touched', () => {
    expect(replay(effect(null, row(1), 'a'), effect(null, row(2), 'b'), effect(row(1), row(3), 'a')).map((told) => (told as unknown[])[0])).toEqual([
      'b',
      'a',
    ])
  })
})
