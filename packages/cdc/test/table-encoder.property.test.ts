import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonWriter } from '../src/encode/json-writer.ts'
import { createTableEncoder, type TableEncoder } from '../src/encode/table-encoder.ts'
import { createTuple, fillTuple, TUPLE_NULL, TUPLE_UNCHANGED, type Tuple } from '../src/pgoutput/tuple.ts'

const NAMES = ['id', 'a', 'ü', 'kept back', 'd']
const TEXT = { oid: 25, name: 'text', kind: 'b', baseOid: 0, baseTypmod: -1, elementOid: 0 }
const RELATION = {
  oid: 1,
  schema: 'public',
  name: 't',
  replicaIdentity: 'f',
  columns: NAMES.map((name) => ({ name, isKey: true, typeOid: TEXT.oid, typmod: -1 })),
}
const CAPTURED = { schema: 'public', name: 't', columns: NAMES.filter((name) => name !== 'kept back') }

type Row = (string | null)[]
const value = fc.option(
  fc.oneof(
    fc.constantFrom('', 'same', 'also'),
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.toWellFormed()),
  ),
)
const row = fc.array(value, { minLength: NAMES.length, maxLength: NAMES.length })

/** @param unchanged - columns that the statement left alone and the server did not send */
function tupleOf(values: Row, unchanged: readonly number[] = []): Tuple {
  const tuple = createTuple()
  fillTuple(tuple, values)
  for (const index of unchanged) if (tuple.kinds[index] !== TUPLE_NULL) tuple.kinds[index] = TUPLE_UNCHANGED
  return tuple
}

function update(encoder: TableEncoder, old: Row, now: Row, unchanged: readonly number[]): string {
  const [out, oldTuple] = [new JsonWriter(), tupleOf(old)]
  encoder.row(out, oldTuple)
  out.text(' ')
  encoder.updatedRow(out, tupleOf(now, unchanged), oldTuple)
  return out.take()
}

function plain(values: Row): string {
  return JSON.stringify(Object.fromEntries(NAMES.map((name, index) => [name, values[index]]).filter(([name]) => name !== 'kept back')))
}

describe('createTableEncoder', () => {
  it('writes both rows of an update whole, also what it takes from the old one', () => {
    const encoder = createTableEncoder(RELATION, undefined, new Map([[TEXT.oid, TEXT]]), CAPTURED)
    fc.assert(
      fc.property(row, row, fc.array(fc.boolean(), { minLength: NAMES.length, maxLength: NAMES.length }), (old, other, isKept) => {
        const now = other.map((next, index) => (isKept[index] === true ? (old[index] ?? null) : next))
        const kept = NAMES.map((_, index) => index).filter((index) => isKept[index])
        expect(update(encoder, old, now, [])).toBe(`${plain(old)} ${plain(now)}`)
        expect(update(encoder, old, now, kept)).toBe(`${plain(old)} ${plain(now)}`)
      }),
    )
  })
})
