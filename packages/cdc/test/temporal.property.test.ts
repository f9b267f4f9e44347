import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeDate, encodeTimestamp, encodeTimestamptz } from '../src/encode/temporal.ts'

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
})
