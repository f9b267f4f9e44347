import fc from 'fast-check'
import type { ResultOperation } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { diffRows, type AnswerRow } from '../src/queries/requery/diff-rows.ts'

const rows = fc.uniqueArray(
  fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), row: fc.record({ n: fc.nat(2), at: fc.date({ noInvalidDate: true }) }) }),
  {
    selector: ({ key }) => key,
  },
)

describe('the difference of two answers', () => {
  it('makes the second of the first, however they differ', () => {
    fc.assert(
      fc.property(rows, rows, (before, after) => {
        expect(apply(before, diffRows(before, after) ?? [])).toEqual(after)
      }),
    )
  })

  it('is not looked for where it would hold everybody up: a long list that was turned round', () => {
    const long = Array.from({ length: 20_000 }, (_, n): AnswerRow => ({ key: String(n), row: { n } }))
    expect(diffRows(long, long.toReversed())).toBeUndefined()
  })

  it('moves what was moved, not all that it passed', () => {
    const long = Array.from({ length: 20_000 }, (_, n): AnswerRow => ({ key: String(n), row: { n } }))
    const [first, last] = [long.slice(0, 1), long.slice(-1)]
    expect(diffRows(long, [...long.slice(1), ...first])).toEqual([{ op: 'move', key: '0', index: 19_999 }])
    expect(diffRows(long, [...last, ...long.slice(0, -1)])).toEqual([{ op: 'move', key: '19999', index: 0 }])
    expect(diffRows(long, [...last, ...long.slice(1, -1), ...first])).toHaveLength(2)
  })

  it('is nothing between equal answers', () => {
    fc.assert(
      fc.property(rows, (answer) => {
        expect(diffRows(answer, structuredClone(answer))).toEqual([])
      }),
    )
  })
})

/** As the protocol says: in order, each index in the list as it stands. */
function apply(before: readonly AnswerRow[], operations: readonly ResultOperation[]): AnswerRow[] {
  let list = [...before]
  for (const operation of operations) {
    if (operation.op === 'value') continue
    const { key } = operation
    const old = list.find((row) => row.key === key)
    const index = 'index' in operation && operation.index !== undefined ? operation.index : list.findIndex((row) => row.key === key)
    list = list.filter((row) => row.key !== key)
    if (operation.op === 'leave') continue
    const row = operation.op === 'enter' ? (operation.row as AnswerRow['row']) : { ...old?.row, ...(operation.op === 'update' ? operation.set : {}) }
    list.splice(index, 0, { key, row })
  }
  return list
}
