import { epochOfEntryId, type LogEntry, type Lsn } from '@zenstack-live/protocol'
import type { WholePart } from './change-log.ts'

/** What the newest entry says of those before it, which were kept in order. */
export function wholePartBefore(newest: LogEntry): WholePart | undefined {
  // Debezium's ids are clock times, and whether its transactions are whole is not in them.
  if (epochOfEntryId(newest.id) === 0) return undefined
  const isOpen = newest.kind === 'change' && !newest.isLastOfTransaction
  return { lsn: isOpen ? ((newest.lsn - 1n) as Lsn) : newest.lsn, newest: newest.id }
}
