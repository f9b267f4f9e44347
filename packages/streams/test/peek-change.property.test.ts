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

  it('gives up on names that JSON escapes, and on other shapes', () => {
    expect(peekChange(JSON.stringify({ source: { schema: 'public', table: 'a"b' }, op: 'c' }))).toBeUndefined()
    expect(peekChange('{"op":"c","source":{"schema":"public","table":"a"}}')).toBeUndefined()
    expect(peekChange('{}')).toBeUndefined()
  })
})
