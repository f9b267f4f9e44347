import {
  CHANGES_SEGMENT,
  LAST_EVENT_ID_HEADER,
  LIVE_OPERATIONS,
  META_PARAMETER,
  ProtocolError,
  QUERY_PARAMETER,
  type Limits,
  type LiveOperation,
  type WireQuery,
} from '@zenstack-live/protocol'
import { boundedPosition, lastEventIdOf } from './last-event-id.ts'
import { checkQueryBytes } from './check-query-bytes.ts'

/** What a request asks for, checked in form only. */
export interface LiveRequest {
  /** `mint`: a ticket for the stream of its one query. */
  kind: 'stream-one' | 'stream-many' | 'read' | 'mint'
  queries: WireQuery[]
  lastEventId: string | undefined
}

/**
 * Reads `GET {base}/{model}/{operation}?q=&meta=`, the same URL posted to, and `POST {base}`.
 *
 * @param path - behind the base: `/task/findMany`, or empty
 * @param modelNamed - the schema's name for a path segment, its first letter in either case
 * @throws {ProtocolError} `bad_request`, `bad_json`, `too_large`, `too_many_queries`, `unknown_model`, `unknown_operation`
 */
export async function parseLiveRequest(
  request: Request,
  path: string,
  limits: Limits,
  modelNamed: (name: string) => string | undefined,
): Promise<LiveRequest> {
  if (request.method === 'GET') return parseGet(request, path, limits, modelNamed)
  if (request.method !== 'POST')
    throw new ProtocolError('bad_request', `${request.method} ${path.slice(0, 200)} is neither GET {model}/{operation} nor POST.`)
  if (path === '' || path === '/') return parsePost(request, limits, modelNamed)
  return { kind: 'mint', queries: [queryOfUrl(request, path, limits, modelNamed)], lastEventId: undefined }
}

function parseGet(request: Request, path: string, limits: Limits, modelNamed: (name: string) => string | undefined): LiveRequest {
  const query = queryOfUrl(request, path, limits, modelNamed)
  const isStream = request.headers.get('accept')?.includes('text/event-stream') ?? false
  if (!isStream && query.operation === CHANGES_SEGMENT) throw new ProtocolError('bad_request', 'Changes come as an event stream only.')
  return { kind: isStream ? 'stream-one' : 'read', queries: [query], lastEventId: lastEventIdOf(request, limits) }
}

function queryOfUrl(request: Request, path: string, limits: Limits, modelNamed: (name: string) => string | undefined): WireQuery {
  const url = new URL(request.url)
  const [, modelSegment, operation, ...rest] = decodePath(path).split('/')
  if (modelSegment === undefined || operation === undefined || rest.length > 0) {
    throw new ProtocolError('bad_request', `"${path.slice(0, 200)}" is not {model}/{operation}.`)
  }
  const model = modelNamed(modelSegment)
  if (model === undefined) throw new ProtocolError('unknown_model', `The schema has no model "${modelSegment.slice(0, 100)}".`)
  const q = url.searchParams.get(QUERY_PARAMETER)
  const meta = url.searchParams.get(META_PARAMETER)
  for (const text of [q, meta]) if (text !== null) checkQueryBytes(text, limits)
  return {
    model,
    operation: operation === CHANGES_SEGMENT ? CHANGES_SEGMENT : operationNamed(operation),
    ...(q === null ? {} : { args: parseJson(q, QUERY_PARAMETER, limits) }),
    ...(meta === null ? {} : { meta: serializationOf(parseJson(meta, META_PARAMETER, limits)) }),
  }
}

async function parsePost(request: Request, limits: Limits, modelNamed: (name: string) => string | undefined): Promise<LiveRequest> {
  const body = parseJson(await readText(request, limits.maxQueryBytes * 4), 'The body', limits)
  const queries = isObject(body) ? body['queries'] : undefined
  if (!isObject(body) || !Array.isArray(queries)) throw new ProtocolError('bad_request', 'The body has no "queries".')
  if (queries.length > limits.maxQueriesPerConnection) {
    throw new ProtocolError(
      'too_many_queries',
      `${queries.length} queries on one connection; maxQueriesPerConnection is ${limits.maxQueriesPerConnection}.`,
    )
  }
  const lastEventId = body['lastEventId'] ?? request.headers.get(LAST_EVENT_ID_HEADER)
  if (lastEventId !== null && typeof lastEventId !== 'string') throw new ProtocolError('bad_request', '"lastEventId" is not text.')
  return {
    kind: 'stream-many',
    queries: queries.map((query: unknown) => parseQuery(query, modelNamed)),
    lastEventId: boundedPosition(lastEventId, limits),
  }
}

function parseQuery(query: unknown, modelNamed: (name: string) => string | undefined): WireQuery {
  if (!isObject(query) || typeof query['model'] !== 'string' || typeof query['operation'] !== 'string') {
    throw new ProtocolError('bad_request', 'A query needs "model" and "operation".')
  }
  const { ticket, args, meta } = query
  if (ticket !== undefined && typeof ticket !== 'string') throw new ProtocolError('bad_request', 'A "ticket" is not text.')
  return {
    // A model that does not exist fails this query, not the connection.
    model: modelNamed(query['model']) ?? query['model'],
    operation: query['operation'] as LiveOperation,
    ...(args === undefined ? {} : { args }),
    ...(meta === undefined ? {} : { meta }),
    ...(ticket === undefined ? {} : { ticket }),
  }
}

export function operationNamed(name: string): LiveOperation {
  const operation = LIVE_OPERATIONS.find((known) => known === name)
  if (operation === undefined) throw new ProtocolError('unknown_operation', `"${name.slice(0, 100)}" is not one of ${LIVE_OPERATIONS.join(', ')}.`)
  return operation
}

/** Reads a body up to a limit: what is longer is not even kept. */
async function readText(request: Request, maxBytes: number): Promise<string> {
  if (request.body === null) return ''
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of arriving(request.body)) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw new ProtocolError('too_large', `The body is longer than ${maxBytes} bytes (four times maxQueryBytes).`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** Whoever leaves before their body is whole has sent no request: nothing of ours failed. */
async function* arriving(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (cause) {
    throw new ProtocolError('bad_request', `The body did not arrive: ${String(cause)}`, { cause })
  }
}

/** ZenStack's clients send `meta={ "serialization": … }`. */
function serializationOf(meta: unknown): unknown {
  return isObject(meta) && 'serialization' in meta ? meta['serialization'] : meta
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch (cause) {
    throw new ProtocolError('bad_request', `"${path.slice(0, 200)}" is not a URL path.`, { cause })
  }
}

function parseJson(text: string, name: string, { maxJsonDepth }: Limits): unknown {
  if (depthOf(text) > maxJsonDepth) throw new ProtocolError('too_large', `${name} nests deeper than maxJsonDepth (${maxJsonDepth}).`)
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new ProtocolError('bad_json', `${name} is not JSON: ${text.slice(0, 80)}`, { cause })
  }
}

/** Nesting of JSON text, without recursion: what is deeper than a stack would otherwise end the reader of it. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let isInString = false
  for (let index = 0; index < text.length; index++) {
    const character = text[index]
    if (isInString) {
      if (character === '\\') index++
      else if (character === '"') isInString = false
    } else if (character === '"') isInString = true
    else if (character === '{' || character === '[') deepest = Math.max(deepest, ++depth)
    else if (character === '}' || character === ']') depth--
  }
  return deepest
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
