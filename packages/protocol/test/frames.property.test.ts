import {
  createSseDecoder,
  decodeFrame,
  encodeFrame,
  encodeIdBlock,
  encodeRetry,
  ERROR_CODES,
  parseEntryId,
  queryId,
  type ErrorCode,
  type Frame,
  type QueryId,
  type WireQuery,
} from '@zenstack-live/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const PLAIN = { noNullPrototype: true }
// Anything JSON can say, with the characters that break naive framing.
const json = fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }).map((value): unknown => JSON.parse(JSON.stringify(value)))
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '\n', '\r\n', '\u2028', 'data: x\n\n', '\0', '\uFEFF', '\ud800'))
const at = fc.tuple(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.nat()).map(([major, minor]) => parseEntryId(`${major}-${minor}`))
const q = fc.string({ unit: fc.constantFrom('a', 'b', '0', '9'), minLength: 26, maxLength: 28 }).map((id) => id as QueryId)
const meta = fc.option(fc.record({ values: json }, PLAIN), { nil: undefined }).map((value) => (value === undefined ? {} : { meta: value }))
const row = fc.record({ key: text, row: json, sort: text }, { requiredKeys: ['key', 'row'], ...PLAIN })
const place = fc.record({ sort: text, index: fc.nat() }, { requiredKeys: [], ...PLAIN })
const operation = fc.oneof(
  fc.record({ op: fc.constant('enter' as const), key: text, row: json }, PLAIN).chain((base) => place.map((where) => ({ ...base, ...where }))),
  fc
    .record({ op: fc.constant('update' as const), key: text, set: fc.dictionary(text, json, PLAIN) }, PLAIN)
    .chain((base) => place.map((where) => ({ ...base, ...where }))),
  fc.record({ op: fc.constant('leave' as const), key: text }, PLAIN),
  fc.record({ op: fc.constant('move' as const), key: text }, PLAIN).chain((base) => place.map((where) => ({ ...base, ...where }))),
  fc.record({ op: fc.constant('value' as const), value: json }, PLAIN),
)
const codes = Object.keys(ERROR_CODES) as ErrorCode[]

const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.tuple(q, at, fc.nat(), fc.boolean(), fc.array(row, { maxLength: 3 }), meta).map(([query, entry, part, isLast, rows, notes]): Frame => ({
    event: 'snapshot',
    q: query,
    at: entry,
    part,
    isLast,
    shape: 'rows',
    rows,
    ...notes,
  })),
  fc.tuple(q, at, json, meta).map(([query, entry, value, notes]): Frame => ({
    event: 'snapshot',
    q: query,
    at: entry,
    part: 0,
    isLast: true,
    shape: 'value',
    value,
    ...notes,
  })),
  fc
    .tuple(q, at, text)
    .map(([query, entry, ticket]): Frame => ({ event: 'ready', q: query, at: entry, engine: 'incremental', shape: 'rows', ticket })),
  fc
    .tuple(q, at, fc.array(operation, { maxLength: 3 }), meta)
    .map(([query, entry, ops, notes]): Frame => ({ event: 'change', q: query, at: entry, ops, ...notes })),
  fc.tuple(q, at, json).map(([query, entry, created]): Frame => ({
    event: 'changes',
    q: query,
    at: entry,
    changes: [{ type: 'created', date: '2026-01-01T00:00:00.000Z', created }],
  })),
  fc.tuple(q, at).map(([query, entry]): Frame => ({ event: 'reset', q: query, at: entry, reason: 'gap' })),
  fc.tuple(q, fc.constantFrom(...codes), text).map(([query, code, message]): Frame => ({ event: 'error', q: query, code, message })),
  fc.constantFrom<Frame>({ event: 'auth-expired' }, { event: 'bye', reason: 'drain' }),
)

/** Cuts a text at these places. */
function cut(given: string, places: readonly number[]): string[] {
  const sorted = [0, ...places.map((one) => (given.length === 0 ? 0 : one % given.length)).sort((a, b) => a - b), given.length]
  return sorted.slice(1).map((end, index) => given.slice(sorted[index], end))
}

describe('frames', () => {
  it('come out of the stream as they went in, cut anywhere', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 8 }), (frames, cuts) => {
        const stream = encodeRetry(1234.5) + frames.map((one) => encodeFrame(one) + encodeIdBlock('p1')).join('')
        const decoder = createSseDecoder()
        const blocks = cut(stream, cuts).flatMap((piece) => decoder.feed(piece))
        const got = blocks.flatMap(({ event, data }) => (data === undefined ? [] : [decodeFrame(event, data)]))
        expect(got).toEqual(frames)
        expect(blocks[0]?.retryMs).toBe(1235)
        expect(blocks.filter(({ data, retryMs }) => data === undefined && retryMs === undefined)).toHaveLength(frames.length)
      }),
      { numRuns: 300 },
    )
  })

  it('never throw for what a stranger sends but a ProtocolError', () => {
    fc.assert(
      fc.property(
        fc.oneof(text, fc.constantFrom('snapshot', 'ready', 'change', 'toString', '__proto__')),
        fc.oneof(
          text,
          json.map((value) => JSON.stringify(value)),
        ),
        (event, data) => {
          try {
            decodeFrame(event, data)
          } catch (error) {
            expect(error).toMatchObject({ name: 'ProtocolError', code: 'bad_json' })
          }
        },
      ),
    )
  })
})

describe('query ids', () => {
  const query: fc.Arbitrary<WireQuery> = fc.record(
    { model: fc.constantFrom('A', 'B'), operation: fc.constantFrom('findMany' as const, 'count' as const), args: json, meta: json },
    { requiredKeys: ['model', 'operation'], ...PLAIN },
  )

  it('are equal for equal questions and, for all practical purposes, for no others', () => {
    const seen = new Map<string, string>()
    fc.assert(
      fc.property(query, (one) => {
        const id = queryId(one)
        const question = JSON.stringify([one.model, one.operation, one.args ?? null, one.meta ?? null])
        expect(queryId({ ...one, ticket: 'any' })).toBe(id)
        expect(seen.get(id) ?? question).toBe(question)
        seen.set(id, question)
      }),
      { numRuns: 2000 },
    )
  })
})
