import { makeEntryId, parseLsn, type EntryId, type LogBatch, type LogEntry } from '@zenstack-live/protocol'

export interface TransactionOptions {
  epoch?: number
  rows?: number
  xid?: number
  /** Characters of padding in each value. */
  padding?: number
}

/** A committed transaction that ends at this LSN. */
export function transaction(lsn: number, { epoch = 1, rows = 1, xid = lsn % 2 ** 32, padding = 0 }: TransactionOptions = {}): LogBatch {
  const entries: LogEntry[] = []
  for (let index = 1; index <= rows; index++) {
    entries.push({
      kind: 'change',
      id: rowId(lsn, index, epoch),
      lsn: parseLsn(String(lsn)),
      xid,
      isLastOfTransaction: index === rows,
      key: `{"id":${index}}`,
      value: `{"lsn":${lsn},"index":${index},"text":"ünï ${'x'.repeat(padding)}"}`,
    })
  }
  return { entries }
}

export function progress(lsn: number, epoch = 1): LogBatch {
  return { entries: [{ kind: 'progress', id: rowId(lsn, 0, epoch), lsn: parseLsn(String(lsn)) }] }
}

export function epochMark(lsn: number, epoch: number): LogBatch {
  return { entries: [{ kind: 'epoch', id: rowId(lsn, 0, epoch), lsn: parseLsn(String(lsn)), epoch, reason: 'the slot was lost' }] }
}

export function rowId(lsn: number, index: number, epoch = 1): EntryId {
  return makeEntryId(epoch, parseLsn(String(lsn)), index)
}

export function ids(entries: readonly LogEntry[]): EntryId[] {
  return entries.map(({ id }) => id)
}
