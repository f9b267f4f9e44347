import { makeEntryId, parseLsn, type BulkEntry, type LogBatch, type Lsn } from '@zenstack-live/protocol'

/** Created notes as the capture writes them, one transaction each; ranks begin at 0, or where they are told to. */
export function noteEntries(count: number, from = 0, place = 'public'): LogBatch[] {
  return Array.from({ length: count }, (_, index) => noteBatch(from + index, { id: from + index, place }))
}

/** A note that is given another rank. */
export function noteUpdate(id: number, rank: number): LogBatch {
  return noteBatch(rank, { id, place: 'public', before: id })
}

function noteBatch(rank: number, { id, place, before }: { id: number; place: string; before?: number }): LogBatch {
  const lsn = noteLsn(rank)
  const ms = 1_795_302_218_295 + rank
  const row = { id, ownerId: 'ann', body: 'b', isPublic: true, rank, size: 0, score: '1.00', at: ms, data: null, tags: [], secret: null }
  const source = {
    version: '3.7.0',
    connector: 'postgresql',
    name: 'zenstack',
    ts_ms: ms,
    snapshot: 'false',
    db: 'app',
    sequence: `[null,"${lsn}"]`,
    ts_us: ms * 1000,
    ts_ns: ms * 1_000_000,
    schema: place,
    table: 'Note',
    txId: rank + 1,
    lsn: Number(lsn),
    xmin: null,
  }
  const value = JSON.stringify({
    before: before === undefined ? null : { ...row, rank: before },
    after: row,
    source,
    transaction: null,
    op: before === undefined ? 'c' : 'u',
    ts_ms: ms,
    ts_us: ms * 1000,
    ts_ns: ms * 1_000_000,
  })
  return {
    entries: [{ kind: 'change', id: makeEntryId(1, lsn, 1), lsn, xid: rank + 1, isLastOfTransaction: true, key: JSON.stringify({ id }), value }],
  }
}

/** In the place of a note: a transaction that was too large for the log, or a change of the schema. */
export function noteMark(rank: number, reason?: 'schema'): LogBatch {
  const lsn = noteLsn(rank)
  const bulk: BulkEntry = { kind: 'bulk', id: makeEntryId(1, lsn, 1), lsn, xid: rank + 1, isLastOfTransaction: true, tables: ['public.Note'] }
  return { entries: [reason === undefined ? bulk : { ...bulk, reason }] }
}

/** Where the note of a rank ends in the write-ahead log. */
export function noteLsn(rank: number): Lsn {
  return parseLsn(String(1000 + rank * 100))
}
