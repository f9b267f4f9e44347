import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byteSource } from '../src/byte-source.ts'
import { JsonWriter } from '../src/encode/json-writer.ts'
import type { WriteValue } from '../src/encode/codec.ts'
import { encodeDate, encodeTimestamp, encodeTimestamptz } from '../src/encode/temporal.ts'
import { writeTimestamp, writeTimestamptz } from '../src/encode/write-temporal.ts'

// Four digits, as both sides print them.
const moment = fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })

describe('dates and times', () => {
  it('are the ones that JavaScript knows, at any precision', () => {
    fc.assert(
      fc.property(moment, (date) => {
        const text = date.toISOString().replace('T', ' ').replace('Z', '')
        expect(encodeTimestamp(text, 3)).toBe(String(date.getTime()))
        expect(encodeTimestamp(text, -1)).toBe(String(BigInt(date.getTime()) * 1000n))
        expect(encodeDate(text.slice(0, 10))).toBe(String(Math.floor(date.getTime() / 86_400_000)))
        expect(encodeTimestamptz(`${text}+00`, 3)).toBe(JSON.stringify(date))
      }),
    )
  })

  it('need no fraction where there is none', () => {
    fc.assert(
      fc.property(moment, (date) => {
        date.setUTCMilliseconds(0)
        const text = date.toISOString().slice(0, 19).replace('T', ' ')
        expect(encodeTimestamp(text, 0)).toBe(String(date.getTime()))
        expect(encodeTimestamptz(`${text}+00`, 0)).toBe(`"${text.replace(' ', 'T')}Z"`)
      }),
    )
  })

  it('are the same from bytes as from text, also where they are rare', () => {
    const two = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map((value) => String(value).padStart(2, '0'))
    const year = fc.oneof(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 10_000, max: 290_000 })).map((value) => String(value).padStart(4, '0'))
    const fraction = fc.oneof(
      fc.constant(''),
      fc.integer({ min: 1, max: 999_999 }).map((value) => `.${value}`),
    )
    const plain = fc
      .tuple(year, two(1, 12), two(1, 28), two(0, 23), two(0, 59), two(0, 59), fraction)
      .map(([y, month, day, hour, minute, second, rest]) => `${y}-${month}-${day} ${hour}:${minute}:${second}${rest}`)
    const anything = fc.tuple(plain, fc.constantFrom('', '', ' BC'), fc.constantFrom('', 'infinity', '-infinity'))
    fc.assert(
      fc.property(anything, fc.constantFrom(-1, 0, 3, 6), ([text, era, infinity], typmod) => {
        const [local, zoned] = infinity === '' ? [`${text}${era}`, `${text}+00${era}`] : [infinity, infinity]
        expect(written(writeTimestamp(typmod), local)).toBe(encodeTimestamp(local, typmod))
        expect(written(writeTimestamptz(typmod), zoned)).toBe(encodeTimestamptz(zoned, typmod))
      }),
    )
  })
})

/** What `write` makes of the text, which stands between others as in a message. */
function written(write: WriteValue, text: string): string {
  const [out, bytes] = [new JsonWriter(), Buffer.from(`9${text}9`)]
  write(out, byteSource(bytes), 1, bytes.length - 1)
  return out.take()
}
