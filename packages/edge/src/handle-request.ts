import type { DataModel } from '@zenstack-live/model'
import { errorCodeOf } from '@zenstack-live/protocol'
import { askClient } from './ask-client.ts'
import type { Connections } from './connections.ts'
import type { EdgeContext } from './edge-context.ts'
import { errorResponse } from './error-response.ts'
import type { Identities, Identity } from './identity.ts'
import { answerRead } from './json-read.ts'
import type { SettledIdentity } from './identity-changes.ts'
import type { LiveClient } from './live-client.ts'
import { countIn } from './metrics.ts'
import { parseLiveRequest } from './parse-live-request.ts'
import { isProjectionPath } from './projection-request.ts'
import type { Projections } from './projections.ts'
import type { NodeSide } from './stream-response.ts'

export interface RequestContext {
  /** The URL's path behind the base: `/task/findMany`, or empty. */
  path: string
  /** The client that answers for this request's user. Asked again while a stream lasts. None, or an error with status 401: nobody is signed in. */
  getClient(): Promise<LiveClient> | LiveClient
  /** Clients with equal keys are set up alike; without one, only those with the very same `$options` are. */
  clientKey?(client: LiveClient): string
  /** Lets blocks go to the socket itself. */
  node?: NodeSide
}

export interface EdgeParts {
  context: EdgeContext
  identities: Identities
  connections: Connections
  projections: Projections
}

/** Answers one request: with a stream, with `{ data, meta }`, or with the code of what is wrong. */
export async function handleRequest(
  { context, identities, connections, projections }: EdgeParts,
  request: Request,
  requestContext: RequestContext,
): Promise<Response> {
  let isStream = false
  try {
    const identify = async (): Promise<Identity> => {
      const client = await askClient(() => requestContext.getClient())
      return identities.of(client, requestContext.clientKey?.(client))
    }
    const settle = (): Promise<SettledIdentity> => context.identityChanges.settle(identify)
    const { path, node } = requestContext
    if (isProjectionPath(path)) return await projections.answer({ request, path, settle, node, turnAway: () => connections.turnAway() })
    const live = await parseLiveRequest(request, path, context.limits, (name) => modelOf(context.data, name))
    isStream = live.kind !== 'read'
    if (isStream && !connections.hasRoom) return connections.turnAway()
    let settled = await settle()
    if (live.kind === 'read') {
      for (;;) {
        const response = await answerRead(context, settled.identity, live)
        if (!context.identityChanges.isOutdated(settled)) return response
        // Made for whom it no longer is.
        settled = await settle()
      }
    }
    return connections.open({ live, settled, identify: async () => (await settle()).identity, node })
  } catch (error) {
    // What it needed is being closed: it is better off elsewhere.
    if (isStream && connections.isDraining) return connections.turnAway()
    countIn(context.metrics.refusals, errorCodeOf(error))
    context.logger.warn('A live request was refused.', { path: requestContext.path, error: error instanceof Error ? error.message : String(error) })
    return errorResponse(error)
  }
}

/** The schema's model for a name whose first letter may be in lower case, as in URLs. */
function modelOf(data: DataModel, name: string): string | undefined {
  if (data.models.has(name)) return name
  const upper = name.slice(0, 1).toUpperCase() + name.slice(1)
  if (data.models.has(upper)) return upper
  return [...data.models.keys()].find((model) => model.slice(0, 1).toLowerCase() + model.slice(1) === name)
}
