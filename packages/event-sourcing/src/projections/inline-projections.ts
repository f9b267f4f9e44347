import type { ClientInternals } from '../event-client.ts'
import type { Projection } from '../define-projection.ts'
import type { NewEvent, StoredEvent } from '../store.ts'
import type { AppendContext } from '../append-events.ts'
import { foldProjection, projectionRow } from './fold-projection.ts'

type Inline = AppendContext['inline']

/**
 * The rows that an append will touch, as names to lock before its positions are drawn: then the events of one row commit
 * in the order of their positions, whatever identifiers they carry.
 */
export function inlineLocks(inline: Inline, events: readonly Pick<NewEvent, 'type' | 'data'>[]): string[] {
  return [...touchedRows(inline, events)].map(([name]) => name)
}

/** Brings the touched rows up to date within the append's transaction. */
export async function updateInline(
  internals: ClientInternals & { readonly inline: Inline },
  events: readonly StoredEvent[],
  tx: unknown,
): Promise<void> {
  for (const { projection, id } of touchedRows(internals.inline, events).values()) {
    const folded = await foldProjection(internals, projection, id, { tx })
    await internals.store.saveProjections([projectionRow(projection, id, folded)], { tx })
  }
}

function touchedRows(
  inline: Inline,
  events: readonly Pick<NewEvent, 'type' | 'data'>[],
): Map<string, { projection: Projection<unknown, never>; id: string }> {
  const touched = new Map<string, { projection: Projection<unknown, never>; id: string }>()
  for (const projection of inline) {
    for (const event of events) {
      for (const id of projection.idsOf(event) ?? []) touched.set(`${projection.rowType}:${id}`, { projection, id })
    }
  }
  return touched
}
