export {
  beforeAfter,
  StreamGapError,
  type CreatedEvent,
  type DeadEvent,
  type DeletedEvent,
  type DeliveryContext,
  type DeliveryFailure,
  type HandleSettings,
  type LiveStream,
  type StreamAdmin,
  type StreamEvent,
  type StreamGap,
  type StreamHandle,
  type StreamInfo,
  type StreamPartitionInfo,
  type UpdatedEvent,
} from '@zenstack-live/streams'
export type { LiveProjection, LiveProjections } from '@zenstack-live/edge'
export { ZenStackLive, type ApplicationClient, type LiveLogger, type ZenStackLiveOptions } from './zenstack-live.ts'
