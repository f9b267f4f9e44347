import { encodeFrame, encodeRetry, ERROR_CODES, errorCodeOf } from '@zenstack-live/protocol'
import { errorResponse } from './error-response.ts'
import { octetsOf } from '../streams/octets.ts'
import type { Sink } from '../streams/sink.ts'

type AwayReason = 'drain' | 'overloaded'

const COME_BACK_AFTER_MS = { least: 1_000, spread: 4_000 }

/** A stream that ends at once and says when to come back: `EventSource` never returns from an error status. */
export function turnAway(reason: AwayReason): Response {
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform' }
  return new Response(goodbye(reason), { headers })
}

/** The same where the head of the answer was written already. */
export function turnAwayAt(sink: Sink, reason: AwayReason): void {
  sink.write([octetsOf(goodbye(reason))])
  sink.end()
}

function goodbye(reason: AwayReason): string {
  return encodeRetry(COME_BACK_AFTER_MS.least + Math.random() * COME_BACK_AFTER_MS.spread) + encodeFrame({ event: 'bye', reason })
}

/** What a request is told that nothing was done for: `EventSource` never returns from the status of an error that passes, and is sent away. */
export function refuse(request: Request, error: unknown): Response {
  const isEventSource = request.method === 'GET' && request.headers.get('accept')?.includes('text/event-stream') === true
  return isEventSource && ERROR_CODES[errorCodeOf(error)].isRetryable ? turnAway('overloaded') : errorResponse(error)
}
