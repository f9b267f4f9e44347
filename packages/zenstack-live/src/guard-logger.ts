import type { LiveLogger } from './zenstack-live.ts'

/** The application's logger as all rooms call it: as its own methods, and what they throw, or reject with, is said on the console and ends nothing. */
export function guardLogger(logger: LiveLogger): LiveLogger {
  const guarded =
    (level: keyof LiveLogger): LiveLogger[typeof level] =>
    (message, facts) => {
      const onFailure = (error: unknown): void => console.error(`zenstack-live: the logger failed to say "${message}":`, error)
      try {
        // Loggers may answer, and later fail, though nobody waits for them.
        Promise.resolve(Reflect.apply(logger[level], logger, [message, facts])).catch(onFailure)
      } catch (error) {
        onFailure(error)
      }
    }
  return { info: guarded('info'), warn: guarded('warn'), error: guarded('error') }
}
