import type { SchemaDef } from '@zenstackhq/schema'
import type { HonoAccessTickets, HonoLiveHandlerOptions } from '@zenstack-live/edge'
import type { ZenStackLiveOptions } from './zenstack-live.ts'

/** What `zenstack-live.config.ts` says: read by the command line, by `apps/edge` and by the Docker image. */
export interface LiveConfig extends Omit<ZenStackLiveOptions, 'client' | 'logger'> {
  schema: SchemaDef
  /** The same function as in ZenStack's Hono adapter. Needed to serve, not to capture. */
  getClient?: HonoLiveHandlerOptions['getClient']
  /** Lets the browser's own `EventSource` in, which cannot send headers. */
  accessTickets?: HonoAccessTickets
}

/** Gives the configuration back, typed. */
export function defineConfig(config: LiveConfig): LiveConfig {
  return config
}
