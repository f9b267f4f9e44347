import type * as later from './later.ts'

export type LaterCode = typeof later

/** Loads what reads the first answer, and all that follows. */
export function loadLater(): Promise<LaterCode> {
  return import('./later.ts')
}
