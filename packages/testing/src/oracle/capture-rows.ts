import { setUpCapture, startCapture, type CapturedTable } from '@zenstack-live/cdc'
import { parseExactChange } from '@zenstack-live/model'
import type { LogBatch, RawRow } from '@zenstack-live/protocol'

/** Follows tables through the real capture and keeps each change event's text. */
export interface RowCapture {
  /** Everything committed before the call has arrived. */
  caughtUp(): Promise<void>
  /** The `after` images of a table since the last call, as the stream gave them. */
  take(table: string): RawRow[]
  close(): Promise<void>
}

export async function captureRows(url: string, tables: readonly CapturedTable[], name: string): Promise<RowCapture> {
  const rows = new Map<string, RawRow[]>()
  const keep = (batches: readonly LogBatch[]): void => {
    for (const entry of batches.flatMap((batch) => batch.entries)) {
      if (entry.kind !== 'change') continue
      const { source, after } = parseExactChange(entry.value)
      if (after === null) continue
      const table = `${source.schema}.${source.table}`
      const list = rows.get(table)
      if (list === undefined) rows.set(table, [after])
      else list.push(after)
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
      const list = rows.get(table) ?? []
      rows.delete(table)
      return list
    },
    close: () => capture.close(),
  }
}
