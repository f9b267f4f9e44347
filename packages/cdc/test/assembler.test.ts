import { parseLsn, type LogEntry } from '@zenstack-live/protocol'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Assembler } from '../src/assembler.ts'
import { JsonWriter } from '../src/encode/json-writer.ts'
import { createTableEncoder } from '../src/encode/table-encoder.ts'

const TEXT = { oid: 25, name: 'text', kind: 'b', baseOid: 0, baseTypmod: -1, elementOid: 0 }
const RELATION = { oid: 1, schema: 'public', name: 't', replicaIdentity: 'f', columns: [{ name: 'v', isKey: true, typeOid: 25, typmod: -1 }] }
const ENCODER = createTableEncoder(RELATION, undefined, new Map([[TEXT.oid, TEXT]]), { schema: 'public', name: 't' })

const int32 = (...values: number[]): Buffer => Buffer.concat(values.map((value) => Buffer.from(Uint32Array.of(value).buffer).swap32()))
const tuple = (value: string): Buffer => Buffer.concat([Buffer.from('\0\x01t'), int32(value.length), Buffer.from(value)])
const relation = int32(RELATION.oid)

const begin = Buffer.concat([Buffer.from('B'), int32(0, 100, 0, 0, 7)])
const commit = Buffer.concat([Buffer.from('C\0'), int32(0, 100, 0, 200, 0, 0)])
const inserted = (value: string): Buffer => Buffer.concat([Buffer.from('I'), relation, Buffer.from('N'), tuple(value)])
const updated = (from: string, to: string): Buffer =>
  Buffer.concat([Buffer.from('U'), relation, Buffer.from('O'), tuple(from), Buffer.from('N'), tuple(to)])
const deleted = (value: string): Buffer => Buffer.concat([Buffer.from('D'), relation, Buffer.from('O'), tuple(value)])
const message = (content: string): Buffer =>
  Buffer.concat([Buffer.from('M\x01'), int32(0, 100), Buffer.from('p\0'), int32(content.length), Buffer.from(content)])

/** What these messages become, and the texts that were written for it. */
function assemble(messages: readonly Buffer[], maxTransactionBytes: number): { entries: LogEntry[]; written: number } {
  const entries: LogEntry[] = []
  let written = 0
  const assembler = new Assembler({
    epoch: 1,
    names: { version: '1', name: 'test', database: 'test' },
    encoderOf: () => ({
      ...ENCODER,
      row: (...row) => (written++, ENCODER.row(...row)),
      updatedRow: (...row) => (written++, ENCODER.updatedRow(...row)),
    }),
    maxTransactionEntries: 100,
    maxTransactionBytes,
    isMessageCaptured: () => true,
    previousCommitLsn: null,
    passedLsn: parseLsn('0'),
    reachedLsn: () => parseLsn('0'),
    onBatch: ({ batch }) => entries.push(...batch.entries),
    onProgress: () => {},
    now: () => 0,
  })
  for (const bytes of [begin, ...messages, commit]) assembler.accept(bytes, 0, bytes.length, 100)
  return { entries, written }
}

describe('a transaction', () => {
  afterEach(() => vi.restoreAllMocks())

  it('that one row makes too large is a mark, and the row is never turned into JSON', () => {
    const large = 'x'.repeat(2_000)
    for (const row of [inserted(large), updated(large, 'x'), updated('x', large), deleted(large)]) {
      const { entries, written } = assemble([row], 2_000)
      expect(entries).toMatchObject([{ kind: 'bulk', tables: ['public.t'], xid: 7, lsn: 200n }])
      expect(written).toBe(0)
    }
    expect(assemble([inserted('x'), inserted(large), inserted('x')], 2_000)).toMatchObject({ entries: [{ kind: 'bulk' }], written: 1 })
  })

  it('whose row is too large as JSON only never becomes a string, which might be longer than one can be', () => {
    const take = vi.spyOn(JsonWriter.prototype, 'take')
    // Before and after are both written out, and an escape is longer than what it stands for.
    expect(assemble([updated('\u0001'.repeat(400), '\u0001'.repeat(400))], 2_000)).toMatchObject({ entries: [{ kind: 'bulk' }], written: 2 })
    expect(take).not.toHaveBeenCalled()
    expect(assemble([inserted('x')], 2_000).entries).toMatchObject([{ kind: 'change', value: expect.stringMatching(/^\{"before":null/) as string }])
  })

  it('is whole as long as its JSON fits', () => {
    const { entries } = assemble([inserted('x'.repeat(1_000)), message('x')], 3_000)
    expect(entries.map(({ kind }) => kind)).toEqual(['change', 'change'])
    expect(assemble([inserted('x'.repeat(1_000)), message('x')], 1_500).entries).toMatchObject([{ kind: 'bulk' }])
  })

  it('that a message makes too large is a mark as well', () => {
    expect(assemble([inserted('x'), message('x'.repeat(2_000))], 2_000).entries).toMatchObject([{ kind: 'bulk', tables: ['public.t'] }])
  })
})
