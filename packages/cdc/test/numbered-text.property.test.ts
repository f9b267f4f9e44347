import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NumberedText } from '../src/encode/numbered-text.ts'

describe('NumberedText', () => {
  it('is the text with the numbers in it, whatever they were before', () => {
    const number = fc.oneof(fc.nat(20), fc.nat(), fc.maxSafeNat(), fc.maxSafeInteger())
    const rows = fc.integer({ min: 1, max: 5 }).chain((length) =>
      fc.record({
        parts: fc.array(fc.string({ unit: 'grapheme', maxLength: 5 }), { minLength: length + 1, maxLength: length + 1 }),
        calls: fc.array(fc.array(number, { minLength: length, maxLength: length }), { maxLength: 6 }),
      }),
    )
    fc.assert(
      fc.property(rows, ({ parts, calls }) => {
        const text = new NumberedText(parts)
        for (const numbers of calls) {
          const expected = parts.map((part, index) => `${part}${numbers[index] ?? ''}`).join('')
          expect(Buffer.from(text.with(numbers)).toString()).toBe(expected)
        }
      }),
    )
  })
})
