export {
  beforeAfter,
  StreamGapError,
  type CreatedEvent,
  type DeletedEvent,
  type DeliveryContext,
  type DeliveryFailure,
  type HandleSettings,
  type LiveStream,
  type StreamEvent,
  type StreamGap,
  type StreamHandle,
  type UpdatedEvent,
} from '@zenstack-live/streams'
export { ZenStackLive, type ApplicationClient, type LiveLogger, type ZenStackLiveOptions } from './zenstack-live.ts'
