import type { AppendContext } from '../append-events.ts'
import type { EventClient } from '../event-client.ts'
import { createClassLiveProjection } from '../live/class-live-projection.ts'
import { createLiveProjection } from '../live/live-projection.ts'
import { checkFilter } from '../query.ts'
import { projectOne } from './project-one.ts'
import { rebuildProjection, runProjections, waitForProjection } from './run-projections.ts'

type ProjectionMethods = Pick<EventClient, 'project' | 'findProjected' | 'runProjections' | 'rebuild' | 'waitFor' | 'live'>

/** What a client does with declared projections. */
export function createProjectionMethods(context: AppendContext): ProjectionMethods {
  const { store } = context
  return {
    project: (projection, id, { tx } = {}) => projectOne(context, projection, id, tx),
    async findProjected(projection, filter) {
      const rows = await store.findProjections({ type: projection.rowType, ...(filter === undefined ? {} : { filter: checkFilter(filter) }) })
      // What evolve gave is what was stored.
      return rows.map(({ id, data, position }) => ({ id, state: data as ReturnType<typeof projection.initial>, position: position ?? 0 }))
    },
    runProjections: (projections, options) => runProjections(context, projections, options),
    rebuild: (projection) => rebuildProjection(context, projection),
    waitFor: (projection, position, options = {}) => waitForProjection(context, projection, position, options),
    live: (projection) => ('open' in projection ? createClassLiveProjection(context, projection) : createLiveProjection(context, projection)),
  }
}
