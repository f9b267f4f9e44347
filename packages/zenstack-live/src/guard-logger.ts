import { guardCallback } from '@zenstack-live/streams'
import type { LiveLogger } from './zenstack-live.ts'

/** The application's logger as all rooms call it: as its own methods, and what they throw, or reject with, is said on the console and ends nothing. */
export function guardLogger(logger: LiveLogger): LiveLogger {
  const guarded = (level: keyof LiveLogger): LiveLogger[typeof level] =>
    guardCallback(
      (message: string, facts?: Record<string, unknown>) => logger[level](message, facts),
      (error) => console.error(`zenstack-live: \`${level}\` of the logger failed:`, error),
    )
  return { info: guarded('info'), warn: guarded('warn'), error: guarded('error') }
}
