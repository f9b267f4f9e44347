import { decodeRow, parseExactChange } from '@zenstack-live/model'
import { makeEntryId, parseLsn, FIRST_ENTRY_ID, type ChangeEntry } from '@zenstack-live/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SharedChange } from '../src/hub/shared-change.ts'
import { note } from './support/note-model.ts'

const nasty = fc.oneof(fc.string(), fc.constantFrom('"source":{', '"ts_ms":7', '{"after":', ',"source":{"ts_ms":1', '1234567890123456'))
const row = fc.record({
  id: fc.nat(),
  body: nasty,
  secret: fc.option(nasty),
  size: fc.oneof(fc.nat(), fc.constantFrom('9007199254740993', '-1')),
  rank: fc.integer(),
})
const at = fc.integer({ min: 0, max: 4_000_000_000_000 })

describe('a change that is parsed in parts', () => {
  it('says the same as one that is parsed whole, whatever its rows hold', () => {
    fc.assert(
      fc.property(fc.option(row), fc.option(row), at, fc.constantFrom('ours', 'payload', 'op first'), (before, after, ms, shape) => {
        const text = textOf(before, after, ms, shape)
        const change = new SharedChange(entryOf(text), FIRST_ENTRY_ID)
        const whole = parseExactChange(text)
        expect([change.table, change.op, change.committedAtMs]).toEqual(['public.Note', 'u', ms])
        for (const side of ['before', 'after'] as const) {
          const raw = whole[side]
          const expected = raw === null ? null : decodeRow(note, raw)
          expect(change.wholeRows(note)[side]).toEqual(expected)
          const lazy = change.rows(note)[side]
          for (const name of Object.keys(expected ?? {})) expect(lazy?.[name]).toEqual(expected?.[name])
        }
      }),
    )
  })
})

type NoteRow = typeof row extends fc.Arbitrary<infer Row> ? Row : never

function textOf(before: NoteRow | null, after: NoteRow | null, ms: number, shape: string): string {
  const source = { version: '3', ts_ms: ms, schema: 'public', table: 'Note', txId: 1, ts_ns: 1_795_302_218_295_000_000 }
  const rest = { transaction: null, op: 'u', ts_ms: ms + 5 }
  const envelope = shape === 'op first' ? { op: 'u', source, before, after } : { before, after, source, ...rest }
  // Integers beyond 2^53 are written as numbers, which JSON.stringify cannot.
  const text = JSON.stringify(envelope).replaceAll('"size":"9007199254740993"', '"size":9007199254740993').replaceAll('"size":"-1"', '"size":-1')
  return shape === 'payload' ? `{"schema":{},"payload":${text}}` : text
}

function entryOf(value: string): ChangeEntry {
  const lsn = parseLsn('100')
  return { kind: 'change', id: makeEntryId(1, lsn, 1), lsn, xid: 1, isLastOfTransaction: true, key: null, value }
}
