import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { peekChange } from '../src/page/peek-change.ts'

describe('peeking into a change', () => {
  it('finds table and operation, whatever the rows hold', () => {
    const nasty = fc.oneof(
      fc.string(),
      fc.constantFrom('"source":{', '"table":"x"', '{"source":{"schema":"a","table":"b"},"op":"d"}', '\\"source\\":{"table":"'),
    )
    const row = fc.option(fc.dictionary(nasty, nasty))
    const name = fc.stringMatching(/^[A-Za-z_ $]{1,20}$/)
    fc.assert(
      fc.property(row, row, name, name, fc.constantFrom('c', 'u', 'd', 't', 'r'), (before, after, schema, table, op) => {
        const text = JSON.stringify({ before, after, source: { version: '3', ts_ms: 1, schema, table, txId: 1 }, transaction: null, op, ts_ms: 1 })
        // The second time it knows the names; those that only begin like them are others.
        for (let time = 0; time < 2; time++) expect(peekChange(text)).toMatchObject({ table: `${schema}.${table}`, op })
        expect(peekChange(text.replace(`"table":"${table}"`, () => `"table":"${table}2"`))?.table).not.toBe(`${schema}.${table}`)
      }),
    )
  })

  it('says the same whatever change it saw before', () => {
    const part = fc.constantFrom('public', 'Note', 'Task', 'c', 'd', '}', '{', '"', '')
    const struct = fc.dictionary(fc.constantFrom('source', 'schema', 'table', 'op', 'x'), part)
    const row = fc.option(fc.dictionary(fc.constantFrom('source', 'schema', 'table', 'op', 'a"source', 'after'), fc.oneof(part, struct)))
    const source = fc.record({ ts_ms: fc.nat(), schema: fc.constant('public'), table: fc.constantFrom('Note', 'Task', 'a}b'), txId: fc.nat() })
    const transaction = fc.constantFrom(null, { id: '5:7', total_order: 1 })
    const change = fc
      .record({ before: row, after: row, source, transaction, op: fc.constantFrom('c', 'u', 'd'), ts_ms: fc.nat() })
      .chain((envelope) => fc.constantFrom(envelope, { schema: {}, payload: envelope }))
    fc.assert(
      fc.property(fc.array(change, { minLength: 2, maxLength: 6 }), (changes) => {
        for (const each of changes) {
          const { source: about, op } = 'payload' in each ? each.payload : each
          expect(peekChange(JSON.stringify(each))).toMatchObject({ table: `public.${about.table}`, op })
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('does not take a column that stands where the source of the last change stood for the source', () => {
    const named = (table: string): string => `"source":{"schema":"public","table":"${table}"}`
    const rest = `},${named('Task')},"op":"c"}`
    // As long as the rest, so that all stands as far from the end.
    const before = `{"before":null,"after":null,${named('Note')},"op":"d","x":"${'x'.repeat(rest.length - 8)}"}`
    const change = `{"before":null,"after":{${named('Note')},"op":"d"${rest}`
    expect(change.length - change.indexOf('"source"')).toBe(before.length - before.indexOf('"source"'))
    expect(peekChange(before)).toMatchObject({ table: 'public.Note', op: 'd' })
    expect(peekChange(change)).toMatchObject({ table: 'public.Task', op: 'c', sourceAt: change.lastIndexOf('"source"') })
  })

  it('gives up on names that JSON escapes, and on other shapes', () => {
    expect(peekChange(JSON.stringify({ source: { schema: 'public', table: 'a"b' }, op: 'c' }))).toBeUndefined()
    expect(peekChange('{"op":"c","source":{"schema":"public","table":"a"}}')).toBeUndefined()
    expect(peekChange('{}')).toBeUndefined()
  })
})
