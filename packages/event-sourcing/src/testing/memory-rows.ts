import type { EventStore, ProjectionRow, SaveStatus } from '../store.ts'
import { matchesFilter } from './matches-filter.ts'

type Rows = Map<string, ProjectionRow>
export type Exclusively = <Result>(tx: unknown, run: () => Result | Promise<Result>) => Promise<Result>

/** The part of the memory store that keeps projections' rows. */
export function createMemoryRows(
  all: () => Rows,
  exclusively: Exclusively,
): Pick<EventStore, 'findProjections' | 'saveProjections' | 'replaceProjections' | 'deleteProjections'> {
  return {
    findProjections: ({ type, ids, filter = {} }, tx) =>
      exclusively(tx, () => {
        const found = [...all().values()].filter((row) => row.type === type && (ids?.includes(row.id) ?? true) && matchesFilter(row.data, filter))
        return structuredClone(found.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
      }),
    saveProjections: (rows, { overwrite = false, tx } = {}) =>
      exclusively(tx, () =>
        rows.map((row): SaveStatus => {
          const key = rowKey(row.type, row.id)
          const present = all().get(key)
          if (present !== undefined && !overwrite && (present.position ?? -1) >= (row.position ?? 0)) return 'skipped'
          all().set(key, { ...row, data: JSON.parse(JSON.stringify(row.data)) as unknown })
          return present === undefined ? 'created' : 'updated'
        }),
      ),
    replaceProjections: (from, to, tx) =>
      exclusively(tx, () => {
        deleteType(all(), to)
        for (const [key, row] of [...all()].filter(([, { type }]) => type === from)) {
          all().delete(key)
          all().set(rowKey(to, row.id), { ...row, type: to })
        }
      }),
    deleteProjections: (type, tx) => exclusively(tx, () => deleteType(all(), type)),
  }
}

function rowKey(type: string, id: string): string {
  return JSON.stringify([type, id])
}

function deleteType(rows: Rows, type: string): void {
  for (const [key, row] of rows) if (row.type === type) rows.delete(key)
}
