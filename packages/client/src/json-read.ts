import { LiveError, type JsonAnswer, type JsonResume, type WireQuery } from '@zenstack-live/protocol'
import { makeUrl, unmarshal } from '@zenstackhq/client-helpers/fetch'
import type { LiveFetch } from './live-fetch.ts'
import { refusedError } from './refused-error.ts'
import { refusalIn } from './stream-end.ts'

export interface JsonReadOptions {
  readonly endpoint: string
  readonly fetch: LiveFetch
  readonly signal?: AbortSignal | undefined
}

/** One answer without a stream. */
export interface JsonRead {
  readonly data: unknown
  /** What a stream goes on from; absent where something else than the edge answered. */
  readonly resume: ResumePoint | undefined
}

/** A result's place in the stream: plain data that travels with a page rendered on a server. */
export type ResumePoint = JsonResume & { readonly ticket: string; readonly lastEventId: string }

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
    headers: { accept: 'application/json' },
    cache: 'no-store',
    signal: options.signal ?? null,
  })
  if (!response.ok) throw refusedError(await refusalIn(response), `${query.model}.${query.operation}`)
  const body: unknown = unmarshal(await response.text())
  if (typeof body !== 'object' || body === null || !('data' in body)) {
    throw new LiveError('bad_json', `${query.model}.${query.operation} was not answered with JSON of ours.`)
  }
  // From here on the body is what protocol/json-answer.ts says.
  const { data, position, ticket, resume } = body as JsonAnswer | (Pick<JsonAnswer, 'data'> & { [Name in Exclude<keyof JsonAnswer, 'data'>]?: never })
  return { data, resume: resume === undefined ? undefined : { ...resume, ticket, lastEventId: position } }
}
