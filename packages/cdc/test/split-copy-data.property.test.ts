import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitCopyData } from '../src/replication/split-copy-data.ts'

interface Message {
  kind: string
  body: Uint8Array
}

const messages = fc.array(fc.record({ kind: fc.constantFrom('d', 'd', 'd', 'E', 'Z', 'W'), body: fc.uint8Array({ maxLength: 40 }) }), {
  maxLength: 12,
})
/** Lengths of the chunks that the bytes are cut into. */
const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 })

function encode({ kind, body }: Message): Buffer {
  const head = Buffer.alloc(5)
  head.write(kind, 'latin1')
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function* cut(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  let at = 0
  for (const length of lengths) {
    if (at < bytes.length) yield bytes.subarray(at, at + length)
    at += length
  }
  if (at < bytes.length) yield bytes.subarray(at)
}

describe('splitCopyData', () => {
  it('takes out the messages of CopyData and passes the bytes of all others on, however they are cut', () => {
    fc.assert(
      fc.property(messages, cuts, (sent, lengths) => {
        const [taken, passed]: [string[], Buffer[]] = [[], []]
        const feed = splitCopyData(
          (bytes, start, end) => taken.push(bytes.toString('hex', start, end)),
          (chunk) => passed.push(Buffer.from(chunk)),
        )
        for (const chunk of cut(Buffer.concat(sent.map(encode)), lengths)) feed(Buffer.from(chunk))
        expect(taken).toEqual(sent.filter(({ kind }) => kind === 'd').map(({ body }) => Buffer.from(body).toString('hex')))
        expect(Buffer.concat(passed)).toEqual(Buffer.concat(sent.filter(({ kind }) => kind !== 'd').map(encode)))
      }),
    )
  })
})
