/** The reads that can be live. */
export const LIVE_OPERATIONS = ['findMany', 'findFirst', 'findUnique', 'exists', 'count', 'aggregate', 'groupBy'] as const
export type LiveOperation = (typeof LIVE_OPERATIONS)[number]

/** A value that went through ZenStack's serializer (SuperJSON): plain JSON, and beside it the types that JSON lacks. */
export interface Encoded {
  json: unknown
  meta?: unknown
}

/** One query of a live request, as it travels: the model's name as in the schema, arguments encoded. */
export interface WireQuery {
  model: string
  operation: LiveOperation | '$changes'
  args?: unknown
  meta?: unknown
  /** From this query's last `ready`; with the request's `lastEventId` it resumes without a snapshot. */
  ticket?: string
}

/** Body of `POST {base}`. */
export interface LiveRequestBody {
  lastEventId?: string
  queries: WireQuery[]
}

/** Names a query on the wire: equal questions have equal ids. Not a secret and not a proof: servers compare the text itself. */
export type QueryId = string & { readonly [queryIdBrand]: true }
declare const queryIdBrand: unique symbol

/** The text by which two queries are the same question. Key order counts: in `orderBy` it is meaning. */
export function queryText(query: WireQuery): string {
  return JSON.stringify([query.model, query.operation, query.args ?? null, query.meta ?? null])
}

/**
 * The content hash of a query: 128 bits, 26 characters. Synchronous in every runtime, which `crypto.subtle` is not.
 *
 * Four lanes of FNV-1a over UTF-16 units, each with an offset and a prime of its own, so that what collides in one does not in the
 * others, and a final mix: spread, not secrecy.
 *
 * @see http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function queryId(query: WireQuery): QueryId {
  const text = queryText(query)
  return LANES.map(([offset, prime]) => hashLane(text, offset, prime).toString(36).padStart(7, '0')).join('') as QueryId
}

const LANES = [
  [0x811c9dc5, 0x01000193],
  [0x1000193b, 0x9e3779b1],
  [0x9e3779b9, 0x85ebca77],
  [0x85ebca6b, 0xc2b2ae3d],
] as const

function hashLane(text: string, offset: number, prime: number): number {
  let hash = offset
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), prime)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
