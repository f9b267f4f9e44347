import { parseEntryId, type EntryId, type Frame, type QueryId } from '@zenstack-live/protocol'

// What an edge sends of a list of tasks: all of it, and changes of one row.

const keyOf = (index: number): string => String(index).padStart(6, '0')

export function listSnapshot(q: QueryId, rows: number): Frame[] {
  const list = Array.from({ length: rows }, (_, index) => {
    const key = keyOf(index)
    return { key, sort: key, row: { id: key, title: `title ${index}`, status: 'OPEN', priority: 0, spaceId: 'garden' } }
  })
  return [
    { event: 'snapshot', q, at: at(1), part: 0, isLast: true, shape: 'rows', rows: list },
    { event: 'ready', q, at: at(1), engine: 'incremental', shape: 'rows', ticket: 't' },
  ]
}

/** A transaction that changes the title of a row. */
export function titleChange(q: QueryId, lsn: number, row: number): Frame {
  return { event: 'change', q, at: at(lsn), ops: [{ op: 'update', key: keyOf(row), set: { title: `title ${lsn}` } }] }
}

/** The same; the last of so many rows carries the number of the transaction. */
export function numberedChange(q: QueryId, lsn: number, row: number, rows: number): Frame {
  const last = keyOf(rows - 1)
  return {
    event: 'change',
    q,
    at: at(lsn),
    ops: [
      { op: 'update', key: keyOf(row), set: { title: `title ${lsn}` } },
      { op: 'update', key: last, set: { priority: lsn } },
    ],
  }
}

const at = (lsn: number): EntryId => parseEntryId(`${lsn}-1`)
