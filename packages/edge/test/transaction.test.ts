import type { Model, StoredRow } from '@zenstack-live/model'
import { describe, expect, it } from 'vitest'
import { netEffects, type RowEffect } from '../src/log/transaction.ts'

// Only its name is looked at.
const model = { name: 'Note' } as Model
const row = (id: number, text: string): StoredRow => ({ id, text })
const effect = (id: number, before: string | null, after: string | null): RowEffect => ({
  model,
  key: String(id),
  before: before === null ? null : row(id, before),
  after: after === null ? null : row(id, after),
})
const net = (...effects: RowEffect[]): unknown[] =>
  netEffects(effects).map(({ key, before, after }) => [key, before?.['text'] ?? null, after?.['text'] ?? null])

describe('what many effects make of a row', () => {
  it('is its first state and its last', () => {
    expect(net(effect(1, 'a', 'b'), effect(1, 'b', 'c'))).toEqual([['1', 'a', 'c']])
    expect(net(effect(1, null, 'a'), effect(1, 'a', 'b'), effect(1, 'b', null))).toEqual([])
    expect(net(effect(1, 'a', null), effect(1, null, 'b'))).toEqual([['1', 'a', 'b']])
    expect(net(effect(1, 'a', 'b'), effect(1, 'b', null), effect(1, null, 'c'), effect(1, 'c', 'd'))).toEqual([['1', 'a', 'd']])
  })

  it('is that another row has its key, also where that came before the row had left it', () => {
    // UPDATE t SET id = 3 - id, with a key that is checked at the end.
    expect(net(effect(1, 'a', null), effect(2, null, 'a'), effect(2, 'b', null), effect(1, null, 'b'))).toEqual([
      ['2', 'b', 'a'],
      ['1', 'a', 'b'],
    ])
    // The row that is to leave is changed first, and a third one comes.
    expect(net(effect(2, null, 'a'), effect(2, 'b', 'b2'), effect(2, 'b2', null))).toEqual([['2', 'b', 'a']])
    expect(net(effect(2, null, 'a'), effect(2, 'b', null), effect(2, null, 'x'), effect(2, 'a', null))).toEqual([['2', 'b', 'x']])
  })
})
