import { positionOf } from './append-events.ts'
import type { ClientInternals, EventClient, SavedProjection } from './event-client.ts'
import { checkFilter } from './query.ts'
import type { ProjectionRow } from './store.ts'

/** Saving and finding projections by type and id, with the names and arguments they have always had. */
export function createSavedProjections({ store }: ClientInternals): Pick<EventClient, 'saveProjection' | 'getProjection' | 'queryProjections'> {
  return {
    async saveProjection({ type, id, data, latestEventId, tx }) {
      const position = await positionOf(store, latestEventId, tx)
      const [status = 'skipped'] = await store.saveProjections([{ type, id, data, latestEventId, position }], { tx })
      if (status !== 'skipped') return { type, id, data, latestEventId, status }
      const [stored] = await store.findProjections({ type, ids: [id] }, tx)
      return { type, id, data: stored?.data ?? data, latestEventId: stored?.latestEventId ?? latestEventId, status }
    },

    async getProjection<T>({ type, id, tx }: { type: string; id: string; tx?: unknown }): Promise<SavedProjection<T> | undefined> {
      const [row] = await store.findProjections({ type, ids: [id] }, tx)
      return row === undefined ? undefined : saved<T>(row)
    },

    async queryProjections({ type, data, tx }) {
      const rows = await store.findProjections({ type, ...(data === undefined ? {} : { filter: checkFilter(data) }) }, tx)
      return rows.map((row) => saved(row))
    },
  }
}

function saved<T>({ data, latestEventId }: ProjectionRow): SavedProjection<T> {
  // What a projection of this type saved is what is stored under it.
  return { data: data as T, latestEventId }
}
