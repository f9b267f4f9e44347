import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packEntries } from '../src/redis/pack-entries.ts'
import { parseEntries, parseReadReply, type RawEntry } from '../src/redis/redis-entries.ts'

interface Reply {
  bytes: Buffer
  /** What comes of it: its own bytes, or these in a blob. */
  isPacked: boolean
}

const concat = (...parts: (string | Buffer)[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)))
const blob = (text: string | Buffer): Buffer => concat(`$${Buffer.byteLength(text)}\r\n`, text, '\r\n')
const list = (items: readonly Buffer[], type = '*'): Buffer => concat(`${type}${items.length}\r\n`, ...items)

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((given) => given.toWellFormed()),
  fc.constantFrom('h', 'key', 'value', 'é', 'Ã©', '', '\r\n', '*1\r\n*2\r\n$1\r\n', 'x'.repeat(700)),
)
const bytes = fc.uint8Array({ maxLength: 30 }).map((given) => Buffer.from(given))
const number = fc.integer()

/** Any value of either protocol. */
const { value } = fc.letrec<{ value: Buffer }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc
      .constantFrom('+OK\r\n', '-ERR no 1-1 *3\r\n', ':-12\r\n', '$-1\r\n', '*-1\r\n', '_\r\n', '#t\r\n', ',-1.5e3\r\n', '(123456789012345678901\r\n')
      .map(Buffer.from),
    bytes.map(blob),
    fc.tuple(fc.constantFrom('!', '='), bytes).map(([type, given]) => concat(`${type}${given.length}\r\n`, given, '\r\n')),
    number.map((given) => Buffer.from(`:${given}\r\n`)),
    fc.tuple(fc.constantFrom('*', '~', '>'), fc.array(tie('value'), { maxLength: 4 })).map(([type, items]) => list(items, type)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((pairs) => concat(`%${pairs.length}\r\n`, ...pairs.flat())),
    fc
      .tuple(fc.array(fc.tuple(bytes.map(blob), tie('value')), { maxLength: 2 }), tie('value'))
      .map(([pairs, then]) => concat(`|${pairs.length}\r\n`, ...pairs.flat(), then)),
  ),
}))

const id = fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat()).map(([major, minor]) => `${major}-${minor}` as RawEntry['id'])
const fields = fc.oneof(
  fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 }).map((pairs) => pairs.flat()),
  fc.tuple(text, text, text).map(([header, key, stored]) => ['h', header, 'key', key, 'value', stored]),
)
const entries: fc.Arbitrary<RawEntry[]> = fc.array(fc.record({ id, fields }), { minLength: 1, maxLength: 8 })

const rangeReply = (given: readonly RawEntry[]): Buffer => list(given.map((entry) => list([blob(entry.id), list(entry.fields.map(blob))])))
const readReplies = (name: string, given: readonly RawEntry[]): Buffer[] => [
  list([list([blob(name), rangeReply(given)])]),
  concat('%1\r\n', blob(name), rangeReply(given)),
]

/** Whole replies as they come out, with the chunks cut at the given places of the input. */
function pass(replies: readonly Buffer[], cuts: readonly number[]): Buffer {
  const input = Buffer.concat(replies)
  const out: Buffer[] = []
  const take = packEntries((chunk) => out.push(chunk))
  const places = [...new Set(cuts.map((cut) => cut % (input.length + 1)))].sort((a, b) => a - b)
  let from = 0
  for (const to of [...places, input.length]) {
    take(input.subarray(from, to))
    from = to
  }
  return Buffer.concat(out)
}

const cuts = fc.array(fc.nat(), { maxLength: 40 })

describe('replies on their way to the client library', () => {
  it('come as they were, lists of entries as blobs, however they are cut', () => {
    const packed = fc
      .tuple(entries, fc.constantFrom('log', 'zenstack:{é}:changes'), fc.nat(2))
      .map(([given, name, form]): Reply => ({ bytes: [rangeReply(given), ...readReplies(name, given)][form] ?? Buffer.alloc(0), isPacked: true }))
    // A map or list that begins as a list of entries does may be one.
    const other = value
      .filter((given) => !/^(%1|\*\d+\r\n\*2)\r\n\$/.test(given.toString('latin1')))
      .map((given): Reply => ({ bytes: given, isPacked: false }))
    fc.assert(
      fc.property(fc.array(fc.oneof(packed, other), { maxLength: 8 }), cuts, (replies, places) => {
        const expected = replies.map((reply) => (reply.isPacked ? blob(reply.bytes) : reply.bytes))
        expect(
          pass(
            replies.map((reply) => reply.bytes),
            places,
          ).equals(Buffer.concat(expected)),
        ).toBe(true)
      }),
    )
  })

  it('are cut byte by byte without a loss', () => {
    const replies = [Buffer.from('+OK\r\n'), rangeReply([{ id: '1-1' as RawEntry['id'], fields: ['h', 'p:1'] }]), Buffer.from('*-1\r\n')]
    const everywhere = Array.from({ length: 200 }, (_, index) => index)
    expect(pass(replies, everywhere).equals(pass(replies, []))).toBe(true)
  })

  it('that hold scores, and not entries, are left alone', () => {
    const scores = list([list([blob('1700:1-1'), Buffer.from(',12\r\n')])])
    expect(pass([scores], []).equals(scores)).toBe(true)
  })
})

describe('the entries of a reply', () => {
  it('are the same, packed or taken apart by the library', () => {
    fc.assert(
      fc.property(entries, fc.constantFrom('log', 'é'), (given, name) => {
        expect(parseEntries(rangeReply(given))).toEqual(given)
        for (const reply of readReplies(name, given)) expect(parseReadReply(reply)).toEqual(given)
        const apart = given.map((entry) => [Buffer.from(entry.id), entry.fields.map((field) => Buffer.from(field))])
        expect(parseEntries(apart)).toEqual(given)
        expect(parseReadReply([[Buffer.from(name), apart]])).toEqual(given)
      }),
    )
  })

  it('are none where nothing came', () => {
    for (const nothing of [null, [], undefined]) expect([parseEntries(nothing), parseReadReply(nothing)]).toEqual([[], []])
  })
})
