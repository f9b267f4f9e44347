export {
  commitPosition,
  createHonoLiveHandler,
  createHonoOperationsHandler,
  withCommitPosition,
  type AccessGrant,
  type HasEdge,
  type HonoAccessTickets,
  type HonoLiveHandlerOptions,
} from '@zenstack-live/edge'
