export {
  commitPosition,
  createHonoLiveHandler,
  createHonoOperationsHandler,
  withCommitPosition,
  type HasEdge,
  type HonoLiveHandlerOptions,
} from '@zenstack-live/edge'
