import type { ChangeEntry, EntryId, LogEntry, Lsn } from '@zenstack-live/protocol'

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
export function restoreEntry(id: EntryId, stored: StoredEntry): LogEntry | undefined {
  return restoreChange(id, stored) ?? restoreAny(id, stored)
}

/** Most entries are changes with an LSN that a number holds: reading those letter by letter takes a third of the time. */
function restoreChange(id: EntryId, { header, key, value }: StoredEntry): LogEntry | undefined {
  if (!header.startsWith('c:')) return undefined
  const [lsnAt, lsnEnd] = [2, header.indexOf(':', 2)]
  const xidEnd = header.length - 2
  const lsn = digits(header, lsnAt, lsnEnd)
  const xid = digits(header, lsnEnd + 1, xidEnd)
  if (lsn === undefined || xid === undefined || header[xidEnd] !== ':') return undefined
  const isLastOfTransaction = header[xidEnd + 1] === '1'
  // Written by storeEntry from an Lsn.
  return new RestoredChange(id, BigInt(lsn) as Lsn, xid, isLastOfTransaction, key === DEBEZIUM_NULL ? null : key, value)
}

/**
 * Not a literal: in a process that starts nearly all entries survive, since the newest are kept for others, from which the engine
 * concludes that this literal is best made in the old generation. There each keeps its text until the next full collection, and so
 * every collection copies all that was read (`pnpm bench streams`).
 */
class RestoredChange implements ChangeEntry {
  kind = 'change' as const
  id: EntryId
  lsn: Lsn
  xid: number
  isLastOfTransaction: boolean
  key: string | null
  value: string

  constructor(id: EntryId, lsn: Lsn, xid: number, isLastOfTransaction: boolean, key: string | null, value: string) {
    this.id = id
    this.lsn = lsn
    this.xid = xid
    this.isLastOfTransaction = isLastOfTransaction
    this.key = key
    this.value = value
  }
}

const [ZERO, NINE, MAX_EXACT_DIGITS] = [48, 57, 15]

function digits(text: string, from: number, to: number): number | undefined {
  if (to <= from || to - from > MAX_EXACT_DIGITS) return undefined
  let number = 0
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    if (code < ZERO || code > NINE) return undefined
    number = number * 10 + code - ZERO
  }
  return number
}

function restoreAny(id: EntryId, { header, key, value }: StoredEntry): LogEntry | undefined {
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
