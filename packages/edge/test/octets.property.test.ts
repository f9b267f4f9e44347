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
      isTaken: fc.boolean(),
    }),
  )

  it('are what each would be alone, whatever came before, and whether the kernel took them at once or takes them later', () => {
    fc.assert(
      fc.property(fc.array(texts, { minLength: 4, maxLength: 4 }), writes, (frames, given) => {
        const [shared, heads] = [new ChunkWriter({ directWrites: 0 }), [idHead('1-1'), idHead('1-2é')]]
        const blocks = frames.map(octetsOf)
        const sockets = given.map(({ parts, place, scope, isTaken }) => {
          const socket = keepingSocket(isTaken)
          const id = { idHead: heads[place] ?? octetsOf(''), idScope: octetsOf(scope) }
          expect(
            shared.write(
              socket,
              parts.map((part) => blocks[part] ?? octetsOf('')),
              id,
            ),
          ).toBe(isTaken)
          return socket
        })
        const expected = given.map(({ parts, place, scope }) => {
          const body = `${parts.map((part) => frames[part]).join('')}id: ${['1-1', '1-2é'][place]}.${scope}\n\n`
          return `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`
        })
        expect(sockets.map((socket) => socket.sent())).toEqual(expected)
      }),
    )
  })
})

/** Takes a copy at once, as the kernel does, or only when it is asked what was sent. */
function keepingSocket(isTaken: boolean) {
  let chunk: Uint8Array = new Uint8Array()
  return {
    isDirect: false,
    descriptor: -1,
    waitingBytes: 0,
    give(given: Uint8Array) {
      chunk = isTaken ? Uint8Array.from(given) : given
      this.waitingBytes = isTaken ? 0 : given.length
      return isTaken
    },
    isBatched: false,
    onFull: () => {},
    sent: () => Buffer.from(chunk).toString('utf8'),
  }
}
