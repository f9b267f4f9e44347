import type { ClientInternals } from '../event-client.ts'
import type { Projection } from '../define-projection.ts'
import type { ProjectionRow } from '../store.ts'

export interface FoldedProjection<State> {
  readonly state: State
  /** Of the last event in it; 0 when there is none. */
  readonly position: number
  readonly latestEventId: string
  /** Events read and folded now, on top of the stored row. */
  readonly foldedCount: number
}

/** A projection's state from its stored row and the events since. */
export async function foldProjection<State>(
  { store, codec }: ClientInternals,
  projection: Projection<State, never>,
  id: string,
  { tx, upTo }: { tx?: unknown; upTo?: number } = {},
): Promise<FoldedProjection<State>> {
  const [row] = await store.findProjections({ type: projection.rowType, ids: [id] }, tx)
  const isUsable = row?.position != null && (upTo === undefined || row.position <= upTo)
  const start = isUsable ? row : undefined
  const items = projection.itemsOf(id)
  const events = await store.read(
    { items, ...(start?.position == null ? {} : { after: start.position }), ...(upTo === undefined ? {} : { upTo }) },
    tx,
  )
  let state = start === undefined ? projection.initial(id) : (start.data as State)
  // The query names the types that evolve takes.
  for (const event of events) state = projection.evolve(state, codec.decode(event) as never)
  const last = events.at(-1)
  return {
    state,
    position: last?.position ?? start?.position ?? 0,
    latestEventId: last?.id ?? start?.latestEventId ?? '',
    foldedCount: events.length,
  }
}

export function projectionRow(
  projection: { readonly rowType: string },
  id: string,
  { state, position, latestEventId }: Omit<FoldedProjection<unknown>, 'foldedCount'>,
): ProjectionRow {
  return { type: projection.rowType, id, data: state, latestEventId, position }
}
