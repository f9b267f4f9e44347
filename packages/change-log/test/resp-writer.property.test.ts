import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RespWriter } from '../src/redis/resp-writer.ts'

describe('RespWriter', () => {
  it('writes any command as the protocol asks for it, again and again', () => {
    const writer = new RespWriter()
    const argument = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string(),
      fc.integer({ min: 0, max: 40_000 }).map((count) => 'é'.repeat(count)),
    )
    fc.assert(
      fc.property(fc.array(argument, { minLength: 1, maxLength: 120 }), (given) => {
        const args = given.map((text) => text.toWellFormed())
        writer.begin()
        for (const text of args) writer.bulk(text)
        const expected = `*${args.length}\r\n${args.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join('')}`
        expect(writer.finish().toString()).toBe(expected)
      }),
    )
  })
})
