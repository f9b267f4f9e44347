import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeArray } from '../src/encode/array.ts'

type Nested = (string | null)[] | Nested[]

/** As Postgres prints it: quoted where it must be, and sometimes where it need not. */
function print(value: Nested | string | null, quoteAll: boolean): string {
  if (value === null) return 'NULL'
  if (Array.isArray(value)) return `{${value.map((item) => print(item, quoteAll)).join(',')}}`
  if (!quoteAll && /^[^\s"\\{},]+$/.test(value) && value.toUpperCase() !== 'NULL') return value
  return `"${value.replaceAll(/["\\]/g, (character) => `\\${character}`)}"`
}

describe('encodeArray', () => {
  it('reads back whatever Postgres prints, one or two dimensions', () => {
    const row = fc.array(fc.option(fc.string({ unit: 'binary' }), { nil: null }), { maxLength: 8 })
    const table = fc.array(fc.array(fc.option(fc.string(), { nil: null }), { minLength: 2, maxLength: 2 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.oneof(row, table), fc.boolean(), (value, quoteAll) => {
        const text = encodeArray(print(value, quoteAll), (element) => JSON.stringify(element))
        expect(JSON.parse(text)).toEqual(value)
      }),
    )
  })

  it('leaves out bounds that do not begin at 1', () => {
    expect(encodeArray('[0:1]={7,8}', (element) => element)).toBe('[7,8]')
  })
})
