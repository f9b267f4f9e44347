import type * as later from './later.ts'

export type LaterCode = typeof later

/** Loads what first results do not need. */
export function loadLater(): Promise<LaterCode> {
  return import('./later.ts')
}
