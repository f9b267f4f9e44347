import { LIMITS, LiveError, type ErrorCode } from '@zenstack-live/protocol'
import { expect, it } from 'vitest'
import { createMetrics } from '../src/operations/metrics.ts'
import { handleRequest } from '../src/requests/handle-request.ts'

/** The status that a request for a projection gets where it cannot be answered. */
async function statusOf(code: ErrorCode, accept: string): Promise<number> {
  const context = { limits: LIMITS, metrics: createMetrics(), logger: { warn: () => {} } }
  const visitor = (): object => ({ identity: undefined })
  const parts = {
    context,
    visitors: { ofStream: visitor, byCredentials: visitor },
    connections: { isDraining: false, turnAway: () => new Response('retry: 1\n\n') },
    projections: {
      answer: () => {
        throw new LiveError(code, 'Not now.')
      },
    },
  }
  const request = new Request('http://edge/api/live/$projections/cart/c1', { headers: { accept } })
  return (await handleRequest(parts as never, request, { path: '/$projections/cart/c1' } as never)).status
}

it('sends the stream of a projection away with 200 where it may come back, as `EventSource` never does from a status', async () => {
  expect([await statusOf('log_unavailable', 'text/event-stream'), await statusOf('overloaded', 'text/event-stream')]).toEqual([200, 200])
})

it('says by a status what a read of a projection met, and what will not pass', async () => {
  expect([await statusOf('log_unavailable', 'application/json'), await statusOf('forbidden', 'text/event-stream')]).toEqual([503, 403])
})
