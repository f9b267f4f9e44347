import type { ResultOperation } from '@zenstack-live/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyOperations } from '../src/apply-operations.ts'
import { dataOf, type RowsResult } from '../src/query-result.ts'
import { rowsResult } from '../src/rows-result.ts'
import { shareResult } from '../src/share-result.ts'
import { shareStructure } from '../src/share-structure.ts'

interface Row {
  id: string
  [field: string]: unknown
}

// Rows come out of JSON: their objects are plain.
const PLAIN = { noNullPrototype: true }
const row: fc.Arbitrary<Row> = fc.record(
  {
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    title: fc.constantFrom('x', 'y'),
    nested: fc.record({ at: fc.constantFrom(0, 1).map((ms) => new Date(ms)), tags: fc.array(fc.constantFrom('p', 'q'), { maxLength: 2 }) }, PLAIN),
  },
  PLAIN,
)
const list = fc.uniqueArray(row, { selector: ({ id }) => id })
const place = fc.constantFrom('', 'a', 'b', 'b\u{1F600}', 'b\uFFFF', 'z')

function resultOf(rows: readonly Row[], sorts?: readonly string[]): RowsResult {
  return rowsResult(
    'rows',
    rows.map((one, index) => ({ key: one.id, row: one, ...(sorts === undefined ? {} : { sort: sorts[index] ?? '' }) })),
  )
}

const operation: fc.Arbitrary<ResultOperation> = fc.oneof(
  fc
    .record({ op: fc.constant('enter' as const), row, sort: place })
    .map(({ op, row: entering, sort }) => ({ op, key: entering.id, row: entering, sort: sort + entering.id })),
  row.map(({ id }) => ({ op: 'leave' as const, key: id })),
  row.map(({ id, title }) => ({ op: 'update' as const, key: id, set: { title } })),
  fc.record({ one: row, sort: place }).map(({ one, sort }) => ({ op: 'move' as const, key: one.id, sort: sort + one.id })),
)

describe('a list of rows', () => {
  it('with sort strings is what a plain reading of the operations gives, in code unit order', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const expected = new Map<string, { row: Row; sort: string }>()
        for (const one of operations) {
          const known = expected.get('key' in one ? one.key : '')
          if (one.op === 'enter') expected.set(one.key, { row: one.row as Row, sort: one.sort ?? '' })
          else if (one.op === 'leave') expected.delete(one.key)
          else if (one.op === 'update' && known !== undefined) known.row = { ...known.row, ...one.set }
          else if (one.op === 'move' && known !== undefined) known.sort = one.sort ?? ''
        }
        const rows = [...expected.values()].sort((a, b) => (a.sort < b.sort ? -1 : 1)).map((entry) => entry.row)
        expect(dataOf(applyOperations(resultOf([]), operations))).toEqual(rows)
      }),
    )
  })

  it('with places follows a list that is edited by hand', () => {
    fc.assert(
      fc.property(list, fc.array(fc.tuple(row, fc.nat({ max: 6 }), fc.constantFrom('enter', 'move', 'leave')), { maxLength: 20 }), (start, edits) => {
        const byHand: Row[] = [...start]
        const operations = edits.map(([one, index, op]): ResultOperation => {
          const known = byHand.findIndex(({ id }) => id === one.id)
          const [old] = known < 0 ? [] : byHand.splice(known, 1)
          const next = op === 'enter' ? one : op === 'move' ? old : undefined
          if (next !== undefined) byHand.splice(index, 0, next)
          if (op === 'enter') return { op, key: one.id, row: one, index }
          return op === 'move' ? { op, key: one.id, index } : { op: 'leave', key: one.id }
        })
        expect(dataOf(applyOperations(resultOf(start), operations))).toEqual(byHand)
      }),
    )
  })

  it('stays the same object when operations change nothing, and keeps every row they do not touch', () => {
    fc.assert(
      fc.property(list, row, (rows, touched) => {
        const before = resultOf(
          rows,
          rows.map(({ id }) => id),
        )
        const restated = rows.map((one): ResultOperation => ({ op: 'enter', key: one.id, row: structuredClone(one), sort: one.id }))
        expect(applyOperations(before, restated)).toBe(before)
        const after = applyOperations(before, [{ op: 'update', key: touched.id, set: { title: 'new' } }])
        const [was, is] = [dataOf(before) as Row[], dataOf(after) as Row[]]
        for (const [index, one] of was.entries()) if (one.id !== touched.id) expect(is[index]).toBe(one)
      }),
    )
  })

  it('taken over from another stream shows the previous rows wherever they are equal', () => {
    fc.assert(
      fc.property(list, list, (shown, brought) => {
        const previous = resultOf(shown)
        const shared = dataOf(shareResult(previous, resultOf(structuredClone(brought)))) as Row[]
        expect(shared).toEqual(brought)
        for (const one of shared) {
          const old = shown.find(({ id }) => id === one.id)
          if (old !== undefined && JSON.stringify(old) === JSON.stringify(one)) expect(one).toBe(old)
        }
      }),
    )
  })
})

describe('shareStructure', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, undefined, 1, 'a', 2n, new Date(0), new Date(1), new Uint8Array([1, 2]), new Uint8Array([1])),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', '__proto__x'), tie('any'), { maxKeys: 3, ...PLAIN }),
    ),
  })).any

  it('gives what it was given, and the previous one where they are equal', () => {
    fc.assert(
      fc.property(value, value, (previous, next) => {
        expect(shareStructure(previous, next)).toEqual(next)
        expect(shareStructure(previous, structuredClone(previous))).toBe(previous)
      }),
    )
  })
})
