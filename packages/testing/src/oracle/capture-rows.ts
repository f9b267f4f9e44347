import { setUpCapture, startCapture, type CapturedTable } from '@zenstack-live/cdc'
import { parseExactChange } from '@zenstack-live/model'
import { compareEntryIds, FIRST_ENTRY_ID, type LogBatch, type RawRow } from '@zenstack-live/protocol'

/** Both images of a changed row; `null` before it was there, or after. */
export interface RawChange {
  readonly before: RawRow | null
  readonly after: RawRow | null
}

/** Follows tables through the real capture and keeps each change event's text. */
export interface RowCapture {
  /** Everything committed before the call has arrived. */
  caughtUp(): Promise<void>
  /** The changes of a table since the last call, as the stream told them. */
  take(table: string): RawChange[]
  close(): Promise<void>
}

export async function captureRows(url: string, tables: readonly CapturedTable[], name: string): Promise<RowCapture> {
  const changes = new Map<string, RawChange[]>()
  let newest = FIRST_ENTRY_ID
  const keep = (batches: readonly LogBatch[]): void => {
    for (const entry of batches.flatMap((batch) => batch.entries)) {
      // A capture that has to connect again tells some of it again, as it may.
      if (compareEntryIds(entry.id, newest) <= 0) continue
      newest = entry.id
      if (entry.kind !== 'change') continue
      const { source, before, after } = parseExactChange(entry.value)
      const table = `${source.schema}.${source.table}`
      const list = changes.get(table)
      if (list === undefined) changes.set(table, [{ before, after }])
      else list.push({ before, after })
    }
  }
  await setUpCapture({ url, tables, slot: name, publication: name })
  let lsn: bigint | undefined
  let epoch = 0
  let memory: string | undefined
  const capture = startCapture({
    url,
    tables,
    slot: name,
    publication: name,
    sink: {
      state: async () => ({ epoch, lsn: lsn as never, memory }),
      write: async (batches) => {
        keep(batches)
        for (const entry of batches.flatMap((batch) => batch.entries)) {
          lsn = entry.lsn
          if (entry.kind === 'epoch') epoch = entry.epoch
        }
      },
      remember: async (text) => {
        memory = text
      },
    },
  })
  return {
    caughtUp: () => capture.caughtUp(),
    take(table) {
      const list = changes.get(table) ?? []
      changes.delete(table)
      return list
    },
    close: () => capture.close(),
  }
}
