import { PROJECTIONS_SEGMENT, ProtocolError, type Limits } from '@zenstack-live/protocol'
import { lastEventIdOf } from '../requests/last-event-id.ts'

/** What a request for a projection asks for, checked in form only. */
export interface ProjectionRequest {
  readonly name: string
  readonly id: string
  /** `mint`: a ticket for the stream. */
  readonly kind: 'stream' | 'read' | 'mint'
  readonly lastEventId: string | undefined
}

const PREFIX = `/${PROJECTIONS_SEGMENT}/`

/** @param path - behind the base */
export function isProjectionPath(path: string): boolean {
  return path.startsWith(PREFIX) || path.startsWith(`/${encodeURIComponent(PROJECTIONS_SEGMENT)}/`)
}

/**
 * Reads `GET {base}/$projections/{name}/{id}`, and the same URL posted to.
 *
 * @throws {ProtocolError} `bad_request`, `too_large`
 */
export function parseProjectionRequest(request: Request, path: string, limits: Limits): ProjectionRequest {
  // An id may hold slashes: routers differ in whether they leave them encoded.
  const [, , name = '', ...id] = path.split('/')
  if ((request.method !== 'GET' && request.method !== 'POST') || name === '' || id.join('/') === '')
    throw new ProtocolError('bad_request', `${request.method} "${path.slice(0, 200)}" is not GET ${PROJECTIONS_SEGMENT}/{name}/{id}.`)
  const read = { name: decode(name), id: decode(id.join('/')) }
  if (read.id.length > limits.maxStringChars)
    throw new ProtocolError('too_large', `The projection's id has ${read.id.length} characters; maxStringChars is ${limits.maxStringChars}.`)
  const isStream = request.headers.get('accept')?.includes('text/event-stream') ?? false
  return { ...read, kind: request.method === 'POST' ? 'mint' : isStream ? 'stream' : 'read', lastEventId: lastEventIdOf(request, limits) }
}

/** What it asks for, as text: equal for equal projections, and never equal to a query's. */
export function projectionText({ name, id }: ProjectionRequest): string {
  return JSON.stringify([PROJECTIONS_SEGMENT, name, id])
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new ProtocolError('bad_request', `"${text.slice(0, 200)}" is not a part of a URL.`, { cause })
  }
}
