export { commitPosition, createHonoLiveHandler, withCommitPosition, type HasEdge, type HonoLiveHandlerOptions } from '@zenstack-live/edge'
