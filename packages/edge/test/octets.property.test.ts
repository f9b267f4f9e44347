import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChunkWriter } from '../src/streams/chunk-writer.ts'
import { idHead } from '../src/streams/id-block.ts'
import { bytesOf, octetsOf } from '../src/streams/octets.ts'

const texts = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('é', '日本', '👩‍👩‍👧', '\u2028', '\u0000', '\u0080', 'ÿ'))

describe('octets', () => {
  it('are the bytes of the text in UTF-8', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(bytesOf(octetsOf(text))).toEqual(Buffer.from(text, 'utf8'))
      }),
    )
  })
})

describe('the chunks of one batch', () => {
  const writes = fc.array(
    fc.record({
      parts: fc.array(fc.nat({ max: 3 }), { maxLength: 3 }),
      place: fc.nat({ max: 1 }),
      scope: fc.string({ unit: fc.constantFrom('a', 'b', '-') }),
    }),
  )

  it('are what each would be alone, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(texts, { minLength: 4, maxLength: 4 }), writes, (frames, given) => {
        const [shared, heads] = [new ChunkWriter(), [idHead('1-1'), idHead('1-2é')]]
        const blocks = frames.map(octetsOf)
        for (const { parts, place, scope } of given) {
          const body = `${parts.map((part) => frames[part]).join('')}id: ${['1-1', '1-2é'][place]}.${scope}\n\n`
          const expected = `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`
          const chunk = shared.chunk(
            parts.map((part) => blocks[part] ?? octetsOf('')),
            { head: heads[place] ?? octetsOf(''), scope: octetsOf(scope) },
          )
          expect(bytesOf(chunk)).toEqual(Buffer.from(expected, 'utf8'))
        }
      }),
    )
  })
})
