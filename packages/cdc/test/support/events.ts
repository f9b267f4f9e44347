import type { ChangeEntry, LogEntry } from '@zenstack-live/protocol'

export interface Event {
  op: string
  table: string
  key: unknown
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
  excluded?: string[]
}

export function changes(entries: readonly LogEntry[]): ChangeEntry[] {
  return entries.filter((entry) => entry.kind === 'change')
}

/** The change entries, read as the envelopes they are. */
export function events(entries: readonly LogEntry[]): Event[] {
  return changes(entries).map((entry) => {
    const { op, before, after, source, excluded } = JSON.parse(entry.value) as Event & { source: { table: string } }
    return {
      op,
      table: source.table,
      key: entry.key === null ? null : (JSON.parse(entry.key) as unknown),
      before,
      after,
      ...(excluded === undefined ? {} : { excluded }),
    }
  })
}
