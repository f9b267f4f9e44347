export { ZenStackLive, type LiveLogger, type ZenStackLiveOptions } from './zenstack-live.ts'
