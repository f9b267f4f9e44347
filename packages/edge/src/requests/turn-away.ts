import { encodeFrame, encodeRetry } from '@zenstack-live/protocol'

const COME_BACK_AFTER_MS = { least: 1_000, spread: 4_000 }

/** A stream that ends at once and says when to come back: `EventSource` never returns from an error status. */
export function turnAway(reason: 'drain' | 'overloaded'): Response {
  const retry = encodeRetry(COME_BACK_AFTER_MS.least + Math.random() * COME_BACK_AFTER_MS.spread)
  const bye = encodeFrame({ event: 'bye', reason })
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform' }
  return new Response(retry + bye, { headers })
}
