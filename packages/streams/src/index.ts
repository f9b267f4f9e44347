export { createStreams, type StreamHandle, type Streams, type StreamsDeps } from './create-streams.ts'
export type { DeadEvent } from './dead-letter.ts'
export type { StreamClient } from './filter/stream-client.ts'
export { whatIsAway } from './what-is-away.ts'
export { guardCallback } from './guard-callback.ts'
export { STREAM_LIMITS, type StreamLimits } from './limits.ts'
export type { LiveStream } from './live-stream.ts'
export { createStreamAdmin, type StreamAdmin, type StreamInfo, type StreamPartitionInfo } from './stream-admin.ts'
export { StreamGapError, type GapReason, type StreamGap } from './stream-error.ts'
export {
  beforeAfter,
  type CreatedEvent,
  type DeletedEvent,
  type EventFacts,
  type EventKind,
  type StreamEvent,
  type StreamRow,
  type UpdatedEvent,
} from './stream-event.ts'
export type {
  DeliveryContext,
  DeliveryFailure,
  EventFilters,
  HandleSettings,
  KindsOf,
  OptionName,
  StreamOptions,
  StreamSettings,
  StreamStart,
  WithNames,
} from './stream-options.ts'
