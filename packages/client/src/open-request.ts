import type { LiveFetch } from './live-fetch.ts'

/** What of `fetch`'s options a stream has of its own. */
export interface StreamRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A request for a stream that is on its way, whether or not somebody reads its answer yet. */
export interface OpenRequest {
  /** `undefined` when there was none. Never rejects. */
  readonly response: Promise<Response | undefined>
  readonly controller: AbortController
}

export function openRequest(fetch: LiveFetch, url: string, request: StreamRequest): OpenRequest {
  const controller = new AbortController()
  const headers = { ...request.headers, accept: 'text/event-stream' }
  const response = fetch(url, { ...request, headers, cache: 'no-store', signal: controller.signal }).catch(() => undefined)
  return { response, controller }
}
