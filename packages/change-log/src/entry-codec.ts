import type { EntryId, LogEntry, Lsn } from '@zenstack-live/protocol'

/**
 * How an entry is kept, in both logs:
 *
 * ```
 *  change    h = c:<lsn>:<xid>:<1 when last of its transaction, else 0>   key = <key JSON | default>  value = <envelope JSON>
 *  progress  h = p:<lsn>                                                  key, value empty
 *  epoch     h = e:<lsn>:<epoch>                                          value = <reason>
 *  bulk      h = b:<lsn>:<xid>[:schema]                                   value = <JSON array of tables>
 * ```
 * `key` and `value` are the fields of Debezium's extended Redis messages, so that its readers can read ours.
 */
export interface StoredEntry {
  header: string
  key: string
  value: string
}

/** Debezium's word for "no key" and "no value". */
export const DEBEZIUM_NULL = 'default'

export function storeEntry(entry: LogEntry): StoredEntry {
  if (entry.kind === 'change') {
    return { header: `c:${entry.lsn}:${entry.xid}:${entry.isLastOfTransaction ? 1 : 0}`, key: entry.key ?? DEBEZIUM_NULL, value: entry.value }
  }
  if (entry.kind === 'progress') return { header: `p:${entry.lsn}`, key: '', value: '' }
  if (entry.kind === 'epoch') return { header: `e:${entry.lsn}:${entry.epoch}`, key: '', value: entry.reason }
  return {
    header: `b:${entry.lsn}:${entry.xid}${entry.reason === undefined ? '' : `:${entry.reason}`}`,
    key: '',
    value: JSON.stringify(entry.tables),
  }
}

/** The entry that {@link storeEntry} stored, or `undefined` when the header is not one of ours. */
export function restoreEntry(id: EntryId, { header, key, value }: StoredEntry): LogEntry | undefined {
  const [kind, lsnText, first, second] = header.split(':')
  if (lsnText === undefined || !/^\d+$/.test(lsnText)) return undefined
  // Written by storeEntry from an Lsn.
  const lsn = BigInt(lsnText) as Lsn
  switch (kind) {
    case 'c':
      return { kind: 'change', id, lsn, xid: Number(first), isLastOfTransaction: second === '1', key: key === DEBEZIUM_NULL ? null : key, value }
    case 'p':
      return { kind: 'progress', id, lsn }
    case 'e':
      return { kind: 'epoch', id, lsn, epoch: Number(first), reason: value }
    case 'b':
      return {
        kind: 'bulk',
        id,
        lsn,
        xid: Number(first),
        ...(second === 'schema' ? { reason: second } : {}),
        isLastOfTransaction: true,
        tables: parseTables(value),
      }
    default:
      return undefined
  }
}

function parseTables(text: string): string[] {
  const tables: unknown = JSON.parse(text)
  return Array.isArray(tables) ? tables.filter((table) => typeof table === 'string') : []
}
