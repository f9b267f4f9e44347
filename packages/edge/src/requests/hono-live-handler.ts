import { COMMIT_POSITION_HEADER, errorCodeOf } from '@zenstack-live/protocol'
import type { Context, Handler, MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { Edge } from '../open-edge.ts'
import type { LiveClient } from '../identity/live-client.ts'
import type { NodeSide } from '../streams/stream-response.ts'
import { refuse, turnAway } from './turn-away.ts'
import type { AccessGrant } from '../identity/visitors.ts'
import { within } from '../within.ts'

/** Anything that has an edge, such as `ZenStackLive`. */
export interface HasEdge {
  /** Rejects with a `LiveError`: `overloaded` when it was closed. */
  edge(): Promise<Edge>
}

export interface HonoLiveHandlerOptions {
  live: HasEdge
  /** The same function as in ZenStack's own Hono adapter. Kept with its context while a stream lasts, and asked again. */
  getClient(c: Context): Promise<LiveClient> | LiveClient
  /**
   * Names how a client is set up, where `getClient` makes a new one (`$use`, `$setOptions`) for each request. Clients of equal
   * names share answers and positions. Without it, only clients with the very same `$options` do.
   */
  clientKey?(client: LiveClient): string
  /**
   * Tickets for the browser's own `EventSource`, which cannot send headers. `POST` to a query's URL gives one to whoever `getClient` names; with it
   * as the parameter `access` the same URL opens that query's stream for them, also when it reconnects, until it expires.
   *
   * @defaultValue none are made, and the parameter is the application's
   */
  accessTickets?: HonoAccessTickets
}

export interface HonoAccessTickets {
  /** For whom a ticket is. The request is one that `getClient` has said yes to; a client of somebody else for this subject is refused. */
  mint(c: Context): Promise<AccessGrant> | AccessGrant
  /** The client of whom `mint` named, as `getClient` would give it now: it is asked for each stream, and again while it lasts. */
  redeem(subject: string, c: Context): Promise<LiveClient> | LiveClient
}

/**
 * Live queries for Hono: `app.use('/api/live/*', createHonoLiveHandler({ live, getClient }))`.
 */
export function createHonoLiveHandler(options: HonoLiveHandlerOptions): Handler {
  return async (c) => {
    let edge: Edge
    try {
      edge = await options.live.edge()
    } catch (error) {
      return errorCodeOf(error) === 'overloaded' && asksForStream(c) ? turnAway('drain') : refuse(c.req.raw, error)
    }
    const node = nodeSide(c.env)
    const { accessTickets } = options
    return edge.handle(c.req.raw, {
      path: pathBelow(c),
      getClient: () => options.getClient(c),
      ...(options.clientKey === undefined ? {} : { clientKey: options.clientKey }),
      ...(accessTickets === undefined
        ? {}
        : { accessTickets: { mint: () => accessTickets.mint(c), redeem: (subject: string) => accessTickets.redeem(subject, c) } }),
      ...(node === undefined ? {} : { node }),
    })
  }
}

/**
 * Tells who writes where their write ends: after each successful answer of what follows, the header says which place of the
 * stream holds it. `app.use('/api/model/*', commitPosition(live), createHonoHandler({ apiHandler, getClient }))`
 */
export function commitPosition(live: HasEdge): MiddlewareHandler {
  return async (c, next) => {
    await next()
    if (!isWrite(c.req.method) || !c.res.ok) return
    const position = await positionOf(live)
    if (position === undefined) return
    // Through the context: the headers of an answer that was fetched from elsewhere cannot be changed.
    c.header(COMMIT_POSITION_HEADER, position)
    c.header('access-control-expose-headers', COMMIT_POSITION_HEADER, { append: true })
  }
}

/** The same for any `(Request) => Response` handler. */
export function withCommitPosition(
  live: HasEdge,
  handler: (request: Request) => Promise<Response> | Response,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const response = await handler(request)
    if (!isWrite(request.method) || !response.ok) return response
    const position = await positionOf(live)
    if (position === undefined) return response
    const headers = new Headers(response.headers)
    headers.set(COMMIT_POSITION_HEADER, position)
    headers.append('access-control-expose-headers', COMMIT_POSITION_HEADER)
    return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
  }
}

/** How long the answer to a write waits for its position: what the edge stands on may be slow, or away, while the application writes well. */
const POSITION_PATIENCE_MS = 1_000

/** What was written is written, whatever cannot be said about it: without a position the browser reads once more. */
function positionOf(live: HasEdge): Promise<string | undefined> {
  const position = live.edge().then((edge) => edge.commitPosition())
  return within(
    position.catch(() => undefined),
    POSITION_PATIENCE_MS,
  )
}

function asksForStream(c: Context): boolean {
  return c.req.method === 'POST' || c.req.header('accept')?.includes('text/event-stream') === true
}

function isWrite(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
}

/** What the route's `*` stands for. */
function pathBelow(c: Context): string {
  const depth = routePath(c)
    .replace(/\/\*?$/, '')
    .split('/').length
  const below = c.req.path.split('/').slice(depth)
  return below.length === 0 ? '' : `/${below.join('/')}`
}

/** What Hono's node adapter puts into `c.env`. */
function nodeSide(env: unknown): NodeSide | undefined {
  if (typeof env !== 'object' || env === null || !('incoming' in env) || !('outgoing' in env)) return undefined
  const { incoming, outgoing } = env
  const isNode =
    typeof incoming === 'object' && incoming !== null && 'httpVersionMajor' in incoming && typeof outgoing === 'object' && outgoing !== null
  return isNode && 'headersSent' in outgoing && 'socket' in outgoing ? (env as NodeSide) : undefined
}
