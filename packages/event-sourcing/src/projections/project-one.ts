import type { ClientInternals } from '../event-client.ts'
import type { Projection } from '../define-projection.ts'
import { commonPin } from '../query.ts'
import { settledPosition } from '../settle.ts'
import { foldProjection, projectionRow } from './fold-projection.ts'

/** A projection's state now; saves a snapshot when it had to fold many events. */
export async function projectOne<State>(
  internals: ClientInternals,
  projection: Projection<State, never>,
  id: string,
  tx: unknown,
): Promise<{ state: State; position: number }> {
  const folded = await foldProjection(internals, projection, id, { tx })
  if (folded.foldedCount >= projection.snapshotEvery) await saveSnapshot(internals, projection, id, tx)
  return { state: folded.state, position: folded.position }
}

/**
 * A snapshot may only say "up to here" where nothing can still come before. For one exclusive identifier that is its last
 * event. For anything else it is what is settled; where that takes too long, the snapshot waits for another read.
 */
async function saveSnapshot<State>(internals: ClientInternals, projection: Projection<State, never>, id: string, tx: unknown): Promise<void> {
  const { store, limits } = internals
  const isPinned = commonPin(projection.itemsOf(id), store.identifiers) !== undefined
  if (!isPinned && tx !== undefined) return
  try {
    const folded = await foldProjection(internals, projection, id, isPinned ? { tx } : { upTo: await settledPosition(store, limits) })
    if (folded.position > 0) await store.saveProjections([projectionRow(projection, id, folded)], { tx })
  } catch (error) {
    if (Reflect.get(Object(error), 'code') !== 'not_settled') throw error
  }
}
