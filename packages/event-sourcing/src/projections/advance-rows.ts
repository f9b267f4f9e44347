import type { Projection } from '../define-projection.ts'
import type { ClientInternals } from '../event-client.ts'
import type { EventStore, ProjectionRow, StoredEvent } from '../store.ts'

const CHECKPOINT = '$checkpoint'

/** `more` when a full page was worked off, `standby` when another worker has this projection now. */
export type AdvanceOutcome = 'more' | 'done' | 'standby'

/** One page of events into rows of type `rowType`, together with the checkpoint. Everything up to `upTo` has to be settled. */
export async function advanceRows(
  internals: ClientInternals,
  projection: Projection<unknown, never>,
  rowType: string,
  upTo: number,
  tx?: unknown,
): Promise<AdvanceOutcome> {
  const { store, limits } = internals
  const run = async (inner: unknown): Promise<AdvanceOutcome> => {
    if (!(await store.tryLock(`projection:${rowType}`, inner))) return 'standby'
    const checkpoint = await readCheckpoint(store, rowType, inner)
    if (checkpoint >= upTo) return 'done'
    const events = await store.read({ items: [{ types: projection.types, identifier: {} }], after: checkpoint, upTo, limit: limits.pageSize }, inner)
    const rows = await foldPage(internals, projection, rowType, events, inner)
    await store.saveProjections(rows, { overwrite: true, tx: inner })
    const isFull = events.length === limits.pageSize
    await saveCheckpoint(store, rowType, isFull ? (events.at(-1)?.position ?? upTo) : upTo, inner)
    return isFull ? 'more' : 'done'
  }
  return tx === undefined ? store.transaction(run) : run(tx)
}

export async function readCheckpoint(store: EventStore, rowType: string, tx?: unknown): Promise<number> {
  const [row] = await store.findProjections({ type: CHECKPOINT, ids: [rowType] }, tx)
  return row?.position ?? 0
}

export async function saveCheckpoint(store: EventStore, rowType: string, position: number, tx: unknown): Promise<void> {
  await store.saveProjections([{ type: CHECKPOINT, id: rowType, data: {}, latestEventId: '', position }], { overwrite: true, tx })
}

async function foldPage(
  { store, codec }: ClientInternals,
  projection: Projection<unknown, never>,
  rowType: string,
  events: readonly StoredEvent[],
  tx: unknown,
): Promise<ProjectionRow[]> {
  const idsOf = new Map(events.map((event) => [event, projection.idsOf(event) ?? []] as const))
  const stored = await store.findProjections({ type: rowType, ids: [...new Set([...idsOf.values()].flat())] }, tx)
  const rows = new Map(stored.map((row) => [row.id, row]))
  const changed = new Set<string>()
  for (const [event, ids] of idsOf) {
    for (const id of ids) {
      const row = rows.get(id)
      // Rows kept by snapshots or by another mode may be ahead of the checkpoint.
      if ((row?.position ?? 0) >= event.position) continue
      const state = projection.evolve(row === undefined ? projection.initial(id) : row.data, codec.decode(event) as never)
      rows.set(id, { type: rowType, id, data: state, latestEventId: event.id, position: event.position })
      changed.add(id)
    }
  }
  return [...changed].map((id) => rows.get(id)).filter((row) => row !== undefined)
}
