import { createSseDecoder, type SseBlock } from '@zenstack-live/protocol'
import { describe, expect, it, vi } from 'vitest'

/*
 * The format cases of the web platform tests (eventsource/format-*), as data: what is sent, and what a browser dispatches.
 * A block without data dispatches nothing there; here it is reported, because its id is a position.
 *
 * @see https://github.com/web-platform-tests/wpt/tree/master/eventsource
 */
interface FormatCase {
  name: string
  text: string
  /** Data of the dispatched events, or event name and data. */
  dispatched: (string | [event: string, data: string])[]
  lastEventId?: string
  retryMs?: number
}

const CASES: readonly FormatCase[] = [
  { name: 'bom', text: '\uFEFFdata:1\n\n\uFEFFdata:2\n\ndata:3\n\n', dispatched: ['1', '3'] },
  { name: 'bom-2', text: '\uFEFF\uFEFFdata:1\n\ndata:2\n\ndata:3\n\n', dispatched: ['2', '3'] },
  {
    name: 'comments',
    text: 'data:1\n:\0\n:\r\ndata:2\n:' + 'x'.repeat(2048) + '\rdata:3\n:data:fail\r:' + 'x'.repeat(2048) + '\ndata:4\n\n',
    dispatched: ['1\n2\n3\n4'],
  },
  { name: 'data-before-final-empty-line', text: 'retry:1000\ndata:test1\n\nid:test\ndata:test2', dispatched: ['test1'] },
  { name: 'field-data', text: 'data:\n\ndata\ndata\n\ndata:test\n\n', dispatched: ['', '\n', 'test'] },
  { name: 'field-event-empty', text: 'event: \ndata:data\n\n', dispatched: ['data'] },
  { name: 'field-event', text: 'event:test\ndata:x\n\ndata:x\n\n', dispatched: [['test', 'x'], 'x'] },
  { name: 'field-id', text: 'id: \u2026\nretry: 200\ndata:hello\n\n', dispatched: ['hello'], lastEventId: '\u2026', retryMs: 200 },
  { name: 'field-id-2', text: 'id:1\ndata:hello\n\n\ndata:1\n\nid\ndata:2\n\n', dispatched: ['hello', '1', '2'], lastEventId: '' },
  { name: 'field-id-3', text: 'id:1\ndata:hello\n\ndata:1\n\ndata:2\n\n', dispatched: ['hello', '1', '2'], lastEventId: '1' },
  { name: 'field-id-null', text: 'id:kept\ndata:a\n\nid: \0\u2026\ndata:b\n\n', dispatched: ['a', 'b'], lastEventId: 'kept' },
  {
    name: 'field-parsing',
    text: 'data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n',
    dispatched: ['\0\n 2\n1\n3\n\n4'],
  },
  { name: 'field-retry', text: 'retry:03000\ndata:x\n\n', dispatched: ['x'], retryMs: 3000 },
  { name: 'field-retry-bogus', text: 'retry:3000\nretry:1000x\ndata:x\n\n', dispatched: ['x'], retryMs: 3000 },
  { name: 'field-retry-empty', text: 'retry\ndata:test\n\n', dispatched: ['test'] },
  {
    name: 'field-unknown',
    text: 'data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n',
    dispatched: ['test\n\ntest'],
  },
  { name: 'leading-space', text: 'data:\ttest\rdata: \ndata:test\n\n', dispatched: ['\ttest\n\ntest'] },
  { name: 'newlines', text: 'data:test\r\ndata\ndata:test\r\n\r', dispatched: [] },
  { name: 'newlines, and what follows', text: 'data:test\r\ndata\ndata:test\r\n\rdata:x\r\r', dispatched: ['test\n\ntest'] },
  { name: 'null-character', text: 'data:\0\n\n\n\n', dispatched: ['\0'] },
  { name: 'utf-8', text: 'data:ok\u2026\n\n', dispatched: ['ok\u2026'] },
]

const dispatchedOf = (blocks: readonly SseBlock[]): FormatCase['dispatched'] =>
  blocks.flatMap(({ event, data }) => (data === undefined ? [] : [event === 'message' ? data : ([event, data] as [string, string])]))

function expectCase(given: FormatCase, pieces: readonly string[]): void {
  const decoder = createSseDecoder()
  const bytes = new TextEncoder()
  const text = new TextDecoder()
  const blocks = pieces.flatMap((piece) => decoder.feed(text.decode(bytes.encode(piece), { stream: true })))
  expect(dispatchedOf(blocks)).toEqual(given.dispatched)
  if (given.lastEventId !== undefined) expect(blocks.at(-1)?.lastEventId).toBe(given.lastEventId)
  if (given.retryMs !== undefined) expect(blocks.findLast(({ retryMs }) => retryMs !== undefined)?.retryMs).toBe(given.retryMs)
}

describe.each(CASES)('web platform test format-$name', (given) => {
  it('dispatches what a browser does, cut at any place', () => {
    expectCase(given, [given.text])
    expectCase(given, given.text.split(''))
    for (let cut = 1; cut < given.text.length; cut++) expectCase(given, [given.text.slice(0, cut), given.text.slice(cut)])
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
