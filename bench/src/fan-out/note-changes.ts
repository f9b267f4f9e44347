import { encodeFrame, makeEntryId, queryId, type LogBatch, type Lsn, type QueryId, type WireQuery } from '@zenstack-live/protocol'
import { EVENT_BYTES, EVENT_MARK } from './event-text.ts'

/** What every connection asks, each as another person: the policy lets everyone read the rows, but for the field of their owner. */
export const QUERY: WireQuery = { model: 'Note', operation: 'findMany', args: { where: { isPublic: true }, orderBy: { id: 'asc' } } }

export interface NoteChanges {
  /** What the log begins with: from here on snapshots of the database lie behind it. */
  readonly beginning: LogBatch[]
  /** The next transactions: each updates the text of one note. */
  next(count: number): LogBatch[]
}

/** Far enough ahead that no snapshot taken meanwhile reaches it. */
const AHEAD_BYTES = 1n << 36n
const AHEAD_XIDS = 100_000_000
const COMMIT_BYTES = 1_000n

/**
 * Transactions as the capture writes them, without a database that makes them.
 *
 * @param now - where the database's write-ahead log and its transaction ids stand
 */
export function createNoteChanges(now: { lsn: Lsn; xid: number }): NoteChanges {
  let lsn = now.lsn + AHEAD_BYTES
  let xid = now.xid + AHEAD_XIDS
  let body = fullBody(queryId(QUERY), makeEntryId(1, lsn as Lsn, 1))

  const nextTransaction = (): LogBatch => {
    lsn += COMMIT_BYTES
    xid++
    // Another text of the same length each time.
    const before = body
    body = turned(before)
    // Sums of LSNs are LSNs.
    const end = lsn as Lsn
    return {
      entries: [
        {
          kind: 'change',
          id: makeEntryId(1, end, 1),
          lsn: end,
          xid,
          isLastOfTransaction: true,
          key: '{"id":1}',
          value: envelope(before, body, end, xid),
        },
      ],
    }
  }
  return {
    beginning: [
      { entries: [{ kind: 'epoch', id: makeEntryId(1, now.lsn, 0), lsn: now.lsn, epoch: 1, reason: 'the benchmark began' }] },
      { entries: [{ kind: 'progress', id: makeEntryId(1, lsn as Lsn, 0), lsn: lsn as Lsn }] },
    ],
    next: (count) => Array.from({ length: count }, nextTransaction),
  }
}

/** A text that makes the change's frame as long as the other servers' events; the id that ends a write comes on top. */
function fullBody(q: QueryId, at: ReturnType<typeof makeEntryId>): string {
  const frame = encodeFrame({ event: 'change', q, at, ops: [{ op: 'update', key: '1', set: { body: EVENT_MARK } }] })
  const alphabet = 'the quick brown fox jumps over the lazy dog '
  return EVENT_MARK + alphabet.repeat(8).slice(0, EVENT_BYTES - frame.length)
}

function turned(body: string): string {
  const text = body.slice(EVENT_MARK.length)
  return EVENT_MARK + text.slice(-1) + text.slice(0, -1)
}

/** Debezium's envelope, with all of a captured row. */
function envelope(before: string, after: string, lsn: Lsn, txId: number): string {
  const us = Date.now() * 1000
  const times = { ts_ms: us / 1000, ts_us: us, ts_ns: us * 1000 }
  const source = {
    version: '3.6.0',
    connector: 'postgresql',
    name: 'zenstack',
    snapshot: 'false',
    db: 'bench',
    sequence: `[null,"${lsn}"]`,
    ...times,
    schema: 'public',
    table: 'Note',
    txId,
    lsn: Number(lsn),
    xmin: null,
  }
  return JSON.stringify({ before: row(before), after: row(after), source, transaction: null, op: 'u', ...times })
}

function row(body: string): Record<string, unknown> {
  return {
    id: 1,
    ownerId: 'owner',
    body,
    isPublic: true,
    rank: 0,
    size: 0,
    score: null,
    at: '2026-01-01T00:00:00.000000',
    data: null,
    tags: [],
    secret: 'not for you',
  }
}
