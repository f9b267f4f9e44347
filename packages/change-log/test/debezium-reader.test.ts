import { parseEntryId, type LogEntry } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { createDebeziumReader, type DebeziumReader } from '../src/redis/debezium-reader.ts'

let next = 1

interface ChangeParts {
  tx: number
  row: number
  order?: number
  lsn?: number
  op?: string
}

function change({ tx, row, order, lsn = 100 + row, op = 'c' }: ChangeParts): { key: string; value: string } {
  const transaction = order === undefined ? null : { id: `${tx}:${lsn}`, total_order: order, data_collection_order: order }
  return {
    key: `{"id":${row}}`,
    value: JSON.stringify({
      before: null,
      after: { id: row },
      source: { ts_ms: 1, schema: 'public', table: 'User', txId: tx, lsn },
      transaction,
      op,
    }),
  }
}

const heartbeat = { key: '{"serverName":"zenstack"}', value: '{"ts_ms":1}' }
const begin = (tx: number) => ({ key: `{"id":"${tx}:1"}`, value: `{"status":"BEGIN","id":"${tx}:1","event_count":null,"ts_ms":1}` })
const end = (tx: number, lsn = 9) => ({ key: `{"id":"${tx}:${lsn}"}`, value: `{"status":"END","id":"${tx}:${lsn}","event_count":2,"ts_ms":1}` })

function feed(reader: DebeziumReader, messages: readonly { key: string; value: string }[], format: 'compact' | 'extended' = 'compact'): LogEntry[] {
  return messages.flatMap(({ key, value }) =>
    reader.feed({ id: parseEntryId(`${1_795_302_218_000 + next++}-0`), fields: format === 'compact' ? [key, value] : ['key', key, 'value', value] }),
  )
}

/** `row` of each change, with `!` for the last of its transaction; `.` for progress. */
function short(entries: readonly LogEntry[]): string {
  return entries
    .map((entry) =>
      entry.kind === 'change' ? `${(JSON.parse(entry.value) as { after: { id: number } }).after.id}${entry.isLastOfTransaction ? '!' : ''}` : '.',
    )
    .join(' ')
}

describe('messages of Debezium Server', () => {
  it('say at the end of a transaction how far the log reaches, also of one that holds but a message', () => {
    const reader = createDebeziumReader(10)
    const message = { key: '{"prefix":"zenstack_live"}', value: JSON.stringify({ op: 'm', source: { schema: '', table: '', txId: 2, lsn: 210 } }) }
    const entries = feed(reader, [change({ tx: 1, row: 1, order: 1, lsn: 100 }), end(1, 150), begin(2), message, end(2, 250)])
    expect(entries.map(({ kind, lsn }) => [kind, lsn])).toEqual([
      ['change', 150n],
      ['progress', 150n],
      ['progress', 150n],
      ['progress', 250n],
    ])
  })

  it('become transactions by their END messages, compact and extended', () => {
    for (const format of ['compact', 'extended'] as const) {
      const reader = createDebeziumReader(10)
      const messages = [
        begin(1),
        change({ tx: 1, row: 1, order: 1 }),
        change({ tx: 1, row: 2, order: 2 }),
        end(1),
        begin(2),
        change({ tx: 2, row: 3, order: 1 }),
        end(2),
      ]
      expect(short(feed(reader, messages, format))).toBe('. 1 2! . 3!')
      expect(reader.isHolding).toBe(false)
    }
  })

  it('become transactions without END messages, by what follows or by silence', () => {
    const reader = createDebeziumReader(10)
    expect(short(feed(reader, [change({ tx: 1, row: 1 }), change({ tx: 1, row: 2 }), change({ tx: 2, row: 3 })]))).toBe('1 2!')
    expect(reader.isHolding).toBe(true)
    expect(short(reader.flush())).toBe('3!')
    expect(short(reader.flush())).toBe('')
  })

  it('of one transaction stay together through heartbeats and silence, where END says when it is over', () => {
    const reader = createDebeziumReader(10)
    expect(short(feed(reader, [begin(1), change({ tx: 1, row: 1, order: 1 }), heartbeat]))).toBe('.')
    expect([short(reader.flush()), reader.awaitsSilence, reader.isHolding]).toEqual(['', false, true])
    expect(short(feed(reader, [change({ tx: 1, row: 2, order: 2 }), heartbeat]))).toBe('1')
    expect(short(reader.flush())).toBe('')
    expect(short(feed(reader, [end(1)]))).toBe('2!')
  })

  it('of one transaction stay together when Debezium is killed in it, and sends it again with what came before', () => {
    const reader = createDebeziumReader(10)
    const earlier = [begin(1), change({ tx: 1, row: 1, order: 1 }), end(1, 150), begin(7), end(7, 160)]
    const begun = [begin(2), change({ tx: 2, row: 2, order: 1, lsn: 120 }), change({ tx: 2, row: 3, order: 2, lsn: 170 })]
    const rest = [change({ tx: 2, row: 4, order: 3, lsn: 180 }), heartbeat, end(2, 200)]
    expect(short([...feed(reader, [...earlier, ...begun]), ...reader.flush()])).toBe('. 1! . . . 2')
    expect(short(feed(reader, [heartbeat, ...earlier, heartbeat, ...begun, ...rest]))).toBe('3 4!')
  })

  it('are told from repeats where Debezium begins in the middle of a transaction, and counts from there', () => {
    const reader = createDebeziumReader(10)
    const [first, second] = [change({ tx: 1, row: 1, order: 1 }), change({ tx: 1, row: 2, order: 2 })]
    const again = [begin(1), change({ tx: 1, row: 2, order: 1 }), change({ tx: 1, row: 3, order: 2 }), change({ tx: 1, row: 4, order: 3 }), end(1)]
    expect(short(feed(reader, [first, second, ...again]))).toBe('1 2 3 4!')
  })

  it('whose END never came end with what follows: a later END, or a change of another transaction', () => {
    const reader = createDebeziumReader(10)
    expect(short(feed(reader, [change({ tx: 1, row: 1, order: 1 }), begin(2), end(2, 150)]))).toBe('1!')
    expect(short(feed(reader, [change({ tx: 3, row: 2, order: 1 }), change({ tx: 4, row: 3, order: 1 })]))).toBe('2!')
  })

  it('of a transaction that is not over are no whole one where reading ends', () => {
    const reader = createDebeziumReader(10)
    expect(short([...feed(reader, [change({ tx: 1, row: 1, order: 1 })]), ...reader.release()])).toBe('1')
    expect(short([...feed(reader, [change({ tx: 2, row: 2 })]), ...reader.release()])).toBe('2!')
    // Who begins to read there has the rest.
    expect(short(feed(createDebeziumReader(10), [change({ tx: 1, row: 3, order: 2 }), end(1)]))).toBe('3!')
  })

  it('are told from heartbeats and tombstones, which only move readers on', () => {
    const reader = createDebeziumReader(10)
    const tombstone = { key: '{"id":1}', value: 'default' }
    expect(short(feed(reader, [heartbeat, change({ tx: 1, row: 1, op: 'd' }), tombstone, heartbeat, tombstone]))).toBe('. 1! . .')
  })

  it('keep their text, numbers and all, when a schema is wrapped around them', () => {
    const reader = createDebeziumReader(10)
    const payload =
      '{"before":null,"after":{"id":9007199254740993,"t":"a \\"payload\\": {"},"source":{"ts_ms":1,"schema":"public","table":"User","txId":7,"lsn":5},"op":"c"}'
    const [entry] = [
      ...feed(reader, [
        {
          key: '{"schema":{"type":"struct"},"payload":{"id":9007199254740993}}',
          value: `{"schema":{"fields":[{"payload":1}]},"payload":${payload}}`,
        },
      ]),
      ...reader.flush(),
    ]
    expect(entry).toMatchObject({ kind: 'change', key: '{"id":9007199254740993}', value: payload, xid: 7, lsn: 5n })
  })

  it('are dropped when they come again after a resend, whole or in part', () => {
    const reader = createDebeziumReader(10)
    const first = [change({ tx: 1, row: 1, order: 1 }), change({ tx: 1, row: 2, order: 2 }), end(1), change({ tx: 2, row: 3, order: 1 })]
    const again = [change({ tx: 1, row: 2, order: 2 }), end(1), change({ tx: 2, row: 3, order: 1 }), change({ tx: 2, row: 4, order: 2 }), end(2)]
    expect(short([...feed(reader, first), ...feed(reader, again)]).replaceAll(' .', '')).toBe('1 2! 3 4!')
  })

  it('are told apart by LSN, operation and key', () => {
    const reader = createDebeziumReader(10)
    const copy = [change({ tx: 1, row: 1, lsn: 50 }), change({ tx: 1, row: 2, lsn: 50 })]
    expect(short([...feed(reader, copy), ...feed(reader, copy), ...reader.flush()])).toBe('1 2!')
    expect(short([...feed(reader, [change({ tx: 1, row: 1, lsn: 60, op: 'u' })]), ...reader.flush()])).toBe('1!')
  })

  it('never say that the log reaches further back than before', () => {
    const reader = createDebeziumReader(10)
    const entries = [...feed(reader, [change({ tx: 2, row: 1, lsn: 200 }), end(2), change({ tx: 1, row: 2, lsn: 90 }), end(1)])]
    expect(entries.map(({ lsn }) => lsn)).toEqual([200n, 200n])
  })

  it('as CloudEvents, or as nothing known, are refused by name', () => {
    const reader = createDebeziumReader(10)
    expect(() => feed(reader, [{ key: 'k', value: '{"specversion":"1.0","data":{}}' }])).toThrow(/debezium.format.value=json/)
    expect(() => feed(reader, [{ key: 'k', value: 'not json' }])).toThrow(/neither ours nor/)
  })
})
