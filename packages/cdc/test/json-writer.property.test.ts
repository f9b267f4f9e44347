import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonWriter } from '../src/encode/json-writer.ts'

const text = fc.string({
  unit: fc.oneof(fc.constantFrom('"', '\\', '\n', '\u0000', '\u001f', '\u007f', 'é', '😀'), fc.string({ minLength: 1, maxLength: 60 })),
})
const writable = text.map((value) => value.toWellFormed())

describe('JsonWriter', () => {
  it('writes a string as JSON.stringify does', () => {
    const out = new JsonWriter()
    fc.assert(
      fc.property(writable, (value) => {
        const bytes = Buffer.from(`<${value}>`)
        out.string(bytes, 1, bytes.length - 1)
        expect(out.take()).toBe(JSON.stringify(value))
      }),
    )
  })

  it('gives out the pieces in order, once', () => {
    const out = new JsonWriter()
    fc.assert(
      fc.property(fc.array(fc.oneof(writable, fc.constant('x'.repeat(70_000))), { maxLength: 8 }), (pieces) => {
        for (const piece of pieces) out.text(piece)
        expect(out.take()).toBe(pieces.join(''))
        expect(out.take()).toBe('')
      }),
    )
  })
})
