import type { DataModel } from '@zenstack-live/model'
import { ERROR_CODES, errorCodeOf, LiveError, queryText } from '@zenstack-live/protocol'
import type { Connections } from '../streams/connections.ts'
import type { EdgeContext } from '../edge-context.ts'
import { errorResponse } from './error-response.ts'
import { answerRead } from './json-read.ts'
import { countIn } from '../operations/metrics.ts'
import { parseLiveRequest, type LiveRequest } from './parse-live-request.ts'
import { nameOf } from '../identity/identity.ts'
import { isProjectionPath, parseProjectionRequest, projectionText, type ProjectionRequest } from '../projections/projection-request.ts'
import type { Projections } from '../projections/projections.ts'
import type { NodeSide } from '../streams/stream-response.ts'
import type { SettledIdentity } from '../identity/identity-changes.ts'
import type { Credentials, Visitor, Visitors } from '../identity/visitors.ts'

export interface RequestContext extends Credentials {
  /** The URL's path behind the base: `/task/findMany`, or empty. */
  path: string
  /** Lets blocks go to the socket itself. */
  node?: NodeSide
}

export interface EdgeParts {
  context: EdgeContext
  visitors: Visitors
  connections: Connections
  projections: Projections
}

/** Answers one request: with a stream, with `{ data, meta }`, with a ticket, or with the code of what is wrong. */
export async function handleRequest(parts: EdgeParts, request: Request, requestContext: RequestContext): Promise<Response> {
  const { context, connections } = parts
  const { path } = requestContext
  let kind: LiveRequest['kind'] | undefined
  let visitor: Visitor | undefined
  try {
    if (isProjectionPath(path)) {
      const wanted = parseProjectionRequest(request, path, context.limits)
      kind = wanted.kind === 'stream' ? 'stream-one' : wanted.kind
      visitor = visitorOf(parts, wanted.kind === 'stream', projectionText(wanted), request, requestContext)
      return await answerProjection(parts, wanted, visitor, requestContext)
    }
    const live = await parseLiveRequest(request, path, context.limits, (name) => modelOf(context.data, name))
    kind = live.kind
    if (isStream(kind) && !connections.hasRoom(live.lastEventId !== undefined)) return connections.turnAway()
    if (kind === 'read' && !connections.hasRoomForQuestions)
      throw new LiveError('overloaded', `More than maxWaitingQuestions (${context.limits.maxWaitingQuestions}) wait for the database.`)
    const [only] = live.queries
    visitor = visitorOf(parts, kind === 'stream-one', only === undefined ? '' : queryText(only), request, requestContext)
    return await answerLive(parts, live, visitor, requestContext)
  } catch (error) {
    const code = errorCodeOf(error)
    // What it needed is being closed: it is better off elsewhere.
    if (isStream(kind) && connections.isDraining) return connections.turnAway()
    countIn(context.metrics.refusals, code)
    const identity = visitor?.identity
    context.logger.warn('A live request was refused.', {
      ...(identity === undefined ? {} : { identity: nameOf(identity) }),
      path,
      code,
      error: error instanceof Error ? error.message : String(error),
    })
    // `EventSource` never comes back from the status of an error that passes.
    return kind === 'stream-one' && ERROR_CODES[code].isRetryable ? connections.turnAway() : errorResponse(error)
  }
}

function isStream(kind: LiveRequest['kind'] | undefined): boolean {
  return kind === 'stream-one' || kind === 'stream-many'
}

/** @param opens - what the URL asks for, as text */
function visitorOf({ visitors }: EdgeParts, mayHoldTicket: boolean, opens: string, request: Request, requestContext: RequestContext): Visitor {
  return mayHoldTicket ? visitors.ofStream(requestContext, request, opens) : visitors.byCredentials(requestContext)
}

async function answerLive(
  { context, visitors, connections }: EdgeParts,
  live: LiveRequest,
  visitor: Visitor,
  requestContext: RequestContext,
): Promise<Response> {
  const [only] = live.queries
  if (live.kind === 'mint' && only !== undefined) return visitors.mint(requestContext, visitor, queryText(only))
  const settled = await visitor.settle('opening')
  if (live.kind !== 'read') return connections.open({ live, settled, visitor, node: requestContext.node })
  return readAs(context, live, visitor, settled)
}

/** @throws {LiveError} `overloaded` when they are another, each time it is answered, for `identityTimeoutMs` */
async function readAs(context: EdgeContext, live: LiveRequest, visitor: Visitor, first: SettledIdentity): Promise<Response> {
  const { identityTimeoutMs } = context.limits
  const endsAtMs = performance.now() + identityTimeoutMs
  for (let settled = first; ; settled = await visitor.settle('opening')) {
    const response = await answerRead(context, settled.identity, live)
    if (!context.identityChanges.isOutdated(settled)) return response
    // Made for whom it no longer is.
    if (performance.now() > endsAtMs)
      throw new LiveError('overloaded', `The row behind auth() was another each time after a read was answered, for ${identityTimeoutMs} ms.`)
  }
}

function answerProjection(
  { visitors, connections, projections }: EdgeParts,
  wanted: ProjectionRequest,
  visitor: Visitor,
  requestContext: RequestContext,
): Promise<Response> {
  if (wanted.kind === 'mint') return visitors.mint(requestContext, visitor, projectionText(wanted))
  return projections.answer({ wanted, visitor, node: requestContext.node, door: connections })
}

/** The schema's model for a name whose first letter may be in lower case, as in URLs. */
function modelOf(data: DataModel, name: string): string | undefined {
  if (data.models.has(name)) return name
  const upper = name.slice(0, 1).toUpperCase() + name.slice(1)
  if (data.models.has(upper)) return upper
  return [...data.models.keys()].find((model) => model.slice(0, 1).toLowerCase() + model.slice(1) === name)
}
