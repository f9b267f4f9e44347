import { LiveError, type WireQuery } from '@zenstack-live/protocol'
import { makeUrl, unmarshal } from '@zenstackhq/client-helpers/fetch'
import { refusal } from './event-stream.ts'
import type { LiveFetch } from './live-fetch.ts'

export interface JsonReadOptions {
  readonly endpoint: string
  readonly fetch: LiveFetch
  readonly headers: Record<string, string>
  readonly credentials?: RequestCredentials | undefined
  readonly signal?: AbortSignal
}

/** One answer without a stream. */
export interface JsonRead {
  readonly data: unknown
  /** Where a stream for this query would go on. */
  readonly position: string | undefined
}

/**
 * Asks for a query's answer once, over the URL that also streams it.
 *
 * @throws {LiveError} with the server's code when it refuses.
 */
export async function readJson(
  query: Pick<WireQuery, 'model' | 'operation'> & { readonly args: unknown },
  options: JsonReadOptions,
): Promise<JsonRead> {
  const response = await options.fetch(makeUrl(options.endpoint, query.model, query.operation, query.args), {
    headers: { ...options.headers, accept: 'application/json' },
    cache: 'no-store',
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  if (!response.ok) {
    const { code } = await refusal(response)
    throw new LiveError(code, `${query.model}.${query.operation} was refused: ${code}.`)
  }
  const body: unknown = unmarshal(await response.text())
  if (typeof body !== 'object' || body === null || !('data' in body))
    throw new LiveError('bad_json', `${query.model}.${query.operation} was not answered with JSON of ours.`)
  return { data: body.data, position: 'position' in body && typeof body.position === 'string' ? body.position : undefined }
}
