export { createEdge } from './create-edge.ts'
export type { Edge, EdgeOptions } from './open-edge.ts'
export type { EdgeLogger } from './edge-context.ts'
export {
  commitPosition,
  createHonoLiveHandler,
  withCommitPosition,
  type HasEdge,
  type HonoAccessTickets,
  type HonoLiveHandlerOptions,
} from './hono-live-handler.ts'
export { createHonoOperationsHandler } from './hono-operations-handler.ts'
export type { Health } from './health.ts'
export type { Histogram } from './histogram.ts'
export type { RequestContext } from './handle-request.ts'
export type { LiveClient } from './live-client.ts'
export type { Metrics } from './metrics.ts'
export type { LiveProjection, LiveProjections } from './projections.ts'
export type { OpenTelemetryApi } from './tracing.ts'
export type { NodeSide } from './stream-response.ts'
export type { AccessGrant, AccessTickets } from './visitors.ts'
