import { createSseDecoder, decodeFrame, type ErrorCode, type Frame, type LiveRequestBody, type SseBlock } from '@zenstack-live/protocol'
import type { LiveFetch } from './live-fetch.ts'

/** How a stream came to its end. A network error is an `ended` like any other: both are answered by coming back. */
export type StreamEnd =
  | { readonly kind: 'ended'; readonly retryMs: number | undefined }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly isRetryable: boolean; readonly retryMs: number | undefined }
  /** The server or the runtime cannot stream. */
  | { readonly kind: 'streamless' }

export interface StreamRequest {
  readonly url: string
  /** With a body it is a `POST`, without one a `GET`. */
  readonly body?: LiveRequestBody
  readonly fetch: LiveFetch
  readonly headers: Record<string, string>
  readonly credentials: RequestCredentials | undefined
  readonly signal: AbortSignal
}

export interface StreamHandlers {
  /** The server took the request; bytes may follow. */
  onOpen(): void
  onBytes(): void
  onBlock(block: SseBlock): void
}

export interface FrameHandlers {
  onFrame(frame: Frame): void
  /** The batch is whole, and this is the position after it. */
  onBatchEnd(position: string): void
}

/** Opens the stream and reads it to its end. Never throws: every way to end is an answer. */
export async function readEventStream(request: StreamRequest, handlers: StreamHandlers): Promise<StreamEnd> {
  const retry: { ms: number | undefined } = { ms: undefined }
  const { body } = request
  try {
    const response = await request.fetch(request.url, {
      headers: { ...request.headers, accept: 'text/event-stream', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      cache: 'no-store',
      signal: request.signal,
      ...(request.credentials === undefined ? {} : { credentials: request.credentials }),
    })
    if (response.status === 204) return { kind: 'refused', code: 'forbidden', isRetryable: false, retryMs: undefined }
    if (!response.ok) return await refusal(response)
    if (response.body === null) return { kind: 'streamless' }
    if (response.headers.get('content-type')?.startsWith('text/event-stream') === false) {
      await response.body.cancel()
      return { kind: 'refused', code: 'bad_request', isRetryable: false, retryMs: undefined }
    }
    handlers.onOpen()
    await readBlocks(response.body, handlers, retry)
  } catch {
    // Cut, aborted, or not a stream of ours: the caller comes back with its position, or has given up already.
  }
  return { kind: 'ended', retryMs: retry.ms }
}

async function readBlocks(body: ReadableStream<Uint8Array>, handlers: StreamHandlers, retry: { ms: number | undefined }): Promise<void> {
  const decoder = createSseDecoder()
  const text = new TextDecoder()
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    handlers.onBytes()
    for (const block of decoder.feed(text.decode(value, { stream: true }))) {
      if (block.retryMs !== undefined) retry.ms = block.retryMs
      handlers.onBlock(block)
    }
  }
}

/** What the blocks of a stream of queries say. */
export function frameReader(handlers: FrameHandlers): (block: SseBlock) => void {
  let position: string | undefined
  return (block) => {
    if (block.data !== undefined) {
      const frame = decodeFrame(block.event, block.data)
      if (frame !== undefined) handlers.onFrame(frame)
    } else if (block.lastEventId !== undefined && (block.retryMs === undefined || block.lastEventId !== position)) {
      position = block.lastEventId
      handlers.onBatchEnd(position)
    }
  }
}

/** What an answer that is not a stream means: a code of ours in its body, else its status. */
export async function refusal(response: Response): Promise<StreamEnd & { kind: 'refused' }> {
  const code = codeIn(await response.json().catch(() => undefined)) ?? codeOfStatus(response.status)
  const isRetryable = response.status >= 500 ? !FINAL_CODES.has(code) : response.status === 429 || response.status === 408
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  return { kind: 'refused', code, isRetryable, retryMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : undefined }
}

/** Wrong set-up of the server: it answers 500, but no time will mend it. */
const FINAL_CODES: ReadonlySet<ErrorCode> = new Set(['unprotected_client', 'foreign_database'])

function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return 'unauthenticated'
  if (status === 403) return 'forbidden'
  return status >= 500 ? 'internal' : 'bad_request'
}

function codeIn(body: unknown): ErrorCode | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  if ('error' in body) return codeIn(body.error)
  // A newer server may send codes this client does not know; they are compared, never interpreted.
  return 'code' in body && typeof body.code === 'string' ? (body.code as ErrorCode) : undefined
}
