import { decodeRow, parseExactChange, presentRow } from '@zenstack-live/model'
import { makeEntryId, parseLsn, FIRST_ENTRY_ID, type ChangeEntry } from '@zenstack-live/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SharedChange } from '../src/page/shared-change.ts'
import { showRow } from '../src/page/show-row.ts'
import { note } from './support/note-model.ts'

const nasty = fc.oneof(fc.string(), fc.constantFrom('"source":{', '"ts_ms":7', '{"after":', ',"source":{"ts_ms":1', '1234567890123456'))
const row = fc.record({
  id: fc.nat(),
  body: nasty,
  secret: fc.option(nasty),
  size: fc.oneof(fc.nat(), fc.constantFrom('9007199254740993', '-1')),
  rank: fc.integer(),
})
const shapes = fc.constantFrom('ours', 'payload', 'op first', 'a column named after')
// In any order: some are read alone, and the later ones with all others.
const looks = fc.shuffledSubarray([...note.fields.keys()], { minLength: 1 })
const at = fc.integer({ min: 0, max: 4_000_000_000_000 })

describe('a change that is parsed in parts', () => {
  it('says the same as one that is parsed whole, whatever its rows hold', () => {
    fc.assert(
      fc.property(fc.option(row), fc.option(row), at, shapes, looks, (before, after, ms, shape, names) => {
        const text = textOf(before, after, ms, shape)
        const change = new SharedChange(entryOf(text), FIRST_ENTRY_ID)
        const whole = parseExactChange(text)
        expect([change.table, change.op, change.committedAtMs]).toEqual(['public.Note', 'u', ms])
        for (const side of ['before', 'after'] as const) {
          const raw = whole[side]
          const expected = raw === null ? null : decodeRow(note, raw)
          const lazy = change.rows(note)[side]
          for (const name of names) expect(lazy?.[name]).toEqual(expected?.[name])
          const shown = change.images()[side]
          expect(shown === null ? null : showRow(note, shown)).toEqual(expected === null ? null : presentRow(note, expected))
        }
      }),
    )
  })
})

type NoteRow = typeof row extends fc.Arbitrary<infer Row> ? Row : never

function textOf(was: NoteRow | null, is: NoteRow | null, ms: number, shape: string): string {
  const source = { version: '3', ts_ms: ms, schema: 'public', table: 'Note', txId: 1, ts_ns: 1_795_302_218_295_000_000 }
  const rest = { transaction: null, op: 'u', ts_ms: ms + 5 }
  const named = (side: NoteRow | null): object | null => (shape === 'a column named after' && side !== null ? { ...side, after: { id: -1 } } : side)
  const [before, after] = [named(was), named(is)]
  const envelope = shape === 'op first' ? { op: 'u', source, before, after } : { before, after, source, ...rest }
  // Integers beyond 2^53 are written as numbers, which JSON.stringify cannot.
  const text = JSON.stringify(envelope).replaceAll('"size":"9007199254740993"', '"size":9007199254740993').replaceAll('"size":"-1"', '"size":-1')
  return shape === 'payload' ? `{"schema":{},"payload":${text}}` : text
}

function entryOf(value: string): ChangeEntry {
  const lsn = parseLsn('100')
  return { kind: 'change', id: makeEntryId(1, lsn, 1), lsn, xid: 1, isLastOfTransaction: true, key: null, value }
}
