import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endOfValue, scalarMember } from '../src/page/json-text.ts'

const nasty = fc.oneof(fc.string(), fc.constantFrom('"', '\\', '\\"', '","a":1', '{"a":', '}', ']', ',', '\\\\"', 'é\u2028😀'))
const name = fc.oneof(fc.constantFrom('a', 'ab', 'b', ''), nasty)

describe('a member of JSON text', () => {
  it('is what parsing says, or left to parsing', () => {
    const value = fc.oneof(nasty, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.boolean(), fc.constant(null), fc.jsonValue())
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 6 }), name, nasty, (row, asked, before) => {
        const start = `{"before":${JSON.stringify(before)},"after":`
        const text = `${start}${JSON.stringify(row)},"source":{"a":7,"b":"x"}}`
        const exact = scalarMember(text, start.length, asked)
        const read = typeof exact === 'bigint' ? Number(exact) : exact
        const isPlain = /^[ !#-[\]-~]*$/.test(asked)
        const actual: unknown = Object.hasOwn(row, asked) ? JSON.parse(JSON.stringify(row[asked])) : undefined
        if (read !== undefined && isPlain) expect(read).toEqual(actual)
        // What can be read is read.
        if (isPlain && Object.keys(row).every((key) => /^[ !#-[\]-~]*$/.test(key)) && typeof actual !== 'object') expect(read).toEqual(actual)
        expect(text.slice(start.length, endOfValue(text, start.length))).toBe(JSON.stringify(row))
      }),
      { numRuns: 2000 },
    )
  })

  it('keeps every digit', () => {
    const text = '{"a":9007199254740993,"b":-9007199254740993,"c":9007199254740991,"d":1e30,"e":0.1,"f":-0,"g":12345678901234567.5}'
    const members = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((member) => scalarMember(text, 0, member))
    expect(members).toEqual([9007199254740993n, -9007199254740993n, 9007199254740991, 1e30, 0.1, -0, 12345678901234568])
  })
})
