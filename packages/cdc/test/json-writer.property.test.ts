import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byteSource } from '../src/byte-source.ts'
import { jsonBytes, JsonWriter } from '../src/encode/json-writer.ts'

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
        out.string(byteSource(bytes), 1, bytes.length - 1)
        expect(out.take()).toBe(JSON.stringify(value))
      }),
    )
  })

  it('gives out the pieces in order, once', () => {
    const out = new JsonWriter()
    fc.assert(
      fc.property(fc.array(fc.oneof(writable, fc.constant('x'.repeat(70_000))), { maxLength: 8 }), (pieces) => {
        for (const [index, piece] of pieces.entries()) {
          if (index % 2 === 0) out.text(piece)
          else out.literal(jsonBytes(piece))
        }
        expect(out.take()).toBe(pieces.join(''))
        expect(out.take()).toBe('')
      }),
    )
  })

  it('writes a safe integer as it prints', () => {
    const out = new JsonWriter()
    const edges = fc.constantFrom(0, 9, 10, 999_999_999, 1_000_000_000, 1_000_000_001, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER)
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer(), edges), (value) => {
        out.number(value)
        expect(out.take()).toBe(String(value))
      }),
    )
  })

  it('repeats what was written, also where that no longer fits', () => {
    const out = new JsonWriter()
    fc.assert(
      fc.property(writable, fc.nat(60_000), (value, padding) => {
        out.text('x'.repeat(padding))
        const from = out.length
        out.text(value)
        out.again(from, out.length)
        expect(out.take()).toBe('x'.repeat(padding) + value + value)
      }),
    )
  })
})
