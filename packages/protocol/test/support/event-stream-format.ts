/** What is sent, and what a browser dispatches. */
export interface FormatCase {
  name: string
  text: string
  /** Data of the dispatched events, or event name and data. */
  dispatched: (string | [event: string, data: string])[]
  lastEventId?: string
  retryMs?: number
}

/**
 * The format cases of the web platform tests (eventsource/format-*), as data. Our decoder and a real browser are held against them
 * (`e2e/event-source-format.spec.ts`). A block without data dispatches nothing there; our decoder reports it, because its id is a position.
 *
 * @see https://github.com/web-platform-tests/wpt/tree/master/eventsource
 */
export const FORMAT_CASES: readonly FormatCase[] = [
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
  { name: 'newlines', text: 'data:test\r\ndata\ndata:test\r\n\r', dispatched: ['test\n\ntest'] },
  { name: 'newlines, and what follows', text: 'data:test\r\ndata\ndata:test\r\n\rdata:x\r\r', dispatched: ['test\n\ntest', 'x'] },
  { name: 'newlines, both to one line', text: 'data:1\r\ndata:2\r\n\r\n\ndata:3\r\r\n\r\ndata:4\n\r\ndata:5\r', dispatched: ['1\n2', '3', '4'] },
  { name: 'null-character', text: 'data:\0\n\n\n\n', dispatched: ['\0'] },
  { name: 'utf-8', text: 'data:ok\u2026\n\n', dispatched: ['ok\u2026'] },
]
