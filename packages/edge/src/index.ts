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
} from './requests/hono-live-handler.ts'
export { createHonoOperationsHandler } from './operations/hono-operations-handler.ts'
export type { Health } from './operations/health.ts'
export type { Histogram } from './operations/histogram.ts'
export type { RequestContext } from './requests/handle-request.ts'
export type { LiveClient } from './identity/live-client.ts'
export type { Metrics } from './operations/metrics.ts'
export type { LiveProjection, LiveProjections } from './projections/projections.ts'
export type { OpenTelemetryApi } from './operations/tracing.ts'
export type { NodeSide } from './streams/stream-response.ts'
export type { AccessGrant, AccessTickets } from './identity/visitors.ts'
