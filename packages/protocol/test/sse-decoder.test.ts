import { createSseDecoder, type SseBlock } from '@zenstack-live/protocol'
import { describe, expect, it, vi } from 'vitest'
import { FORMAT_CASES, type FormatCase } from './support/event-stream-format.ts'

const dispatchedOf = (blocks: readonly SseBlock[]): FormatCase['dispatched'] =>
  blocks.flatMap(({ event, data }) => (data === undefined ? [] : [event === 'message' ? data : ([event, data] as [string, string])]))

/** Read as clients do: a piece may end within a character. */
function expectCase(given: FormatCase, pieces: readonly Uint8Array[]): void {
  const decoder = createSseDecoder()
  const text = new TextDecoder()
  const blocks = pieces.flatMap((piece) => decoder.feed(text.decode(piece, { stream: true })))
  expect(dispatchedOf(blocks)).toEqual(given.dispatched)
  if (given.lastEventId !== undefined) expect(blocks.at(-1)?.lastEventId).toBe(given.lastEventId)
  if (given.retryMs !== undefined) expect(blocks.findLast(({ retryMs }) => retryMs !== undefined)?.retryMs).toBe(given.retryMs)
}

describe.each(FORMAT_CASES)('web platform test format-$name', (given) => {
  it('dispatches what a browser does, cut at any byte', () => {
    const bytes = new TextEncoder().encode(given.text)
    expectCase(given, [bytes])
    expectCase(
      given,
      Array.from(bytes, (byte) => Uint8Array.of(byte)),
    )
    // Node's own decoder (24.21) takes two byte order marks away where the first of them is cut.
    const least = given.text.startsWith('\uFEFF\uFEFF') ? 3 : 1
    for (let cut = least; cut < bytes.length; cut++) expectCase(given, [bytes.subarray(0, cut), bytes.subarray(cut)])
  })
})

describe('the decoder', () => {
  it('reports a block that only has an id, and keeps that id for what follows', () => {
    expect(createSseDecoder().feed('id: 7\n\ndata: x\n\n')).toEqual([
      { event: 'message', data: undefined, lastEventId: '7', retryMs: undefined },
      { event: 'message', data: 'x', lastEventId: '7', retryMs: undefined },
    ])
  })

  it('starts from the id the stream was opened with', () => {
    expect(createSseDecoder({ lastEventId: '5' }).feed('data: x\n\n')[0]?.lastEventId).toBe('5')
  })

  it('says nothing of comments, which are heartbeats to others', () => {
    expect(createSseDecoder().feed(': ping\n\n')).toEqual([])
  })

  it('looks at a long line once, in however many pieces it comes', () => {
    const looks = (['split', 'includes', 'indexOf', 'endsWith'] as const).map((name) => vi.spyOn(String.prototype, name))
    const decoder = createSseDecoder()
    const pieces = ['data: ', ...Array.from({ length: 100 }, () => 'x'.repeat(1000)), '\n', '\n']
    const blocks = pieces.flatMap((piece) => decoder.feed(piece))
    const looked = looks.flatMap(({ mock }) => mock.contexts.map((text) => String(text).length))
    vi.restoreAllMocks()
    expect(blocks.map(({ data }) => data?.length)).toEqual([100_000])
    expect(looked.reduce((sum, length) => sum + length, 0)).toBeLessThan(10 * 100_000)
  })

  it('gives a block up that passes the limit, whether in one line or in many', () => {
    expect(() => createSseDecoder({ maxBlockChars: 100 }).feed(`data: ${'x'.repeat(93)}`)).not.toThrow()
    expect(() => createSseDecoder({ maxBlockChars: 100 }).feed(`data: ${'x'.repeat(95)}`)).toThrow(RangeError)
    expect(() => createSseDecoder({ maxBlockChars: 100 }).feed('data: 1234567890\n'.repeat(12))).toThrow(RangeError)
    const endless = createSseDecoder({ maxBlockChars: 100 })
    for (let block = 0; block < 50; block++) expect(endless.feed('data: 1234567890\n\n')).toHaveLength(1)
  })
})
