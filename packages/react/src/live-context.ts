'use client'

import { createContext, useContext } from 'react'
import type { QueryCacheBridge } from './query-cache-bridge.ts'

/** What the nearest provider gives its hooks. A new object when the person changes, so that every hook renders again in that pass. */
export interface LiveContextValue {
  readonly bridge: QueryCacheBridge
  /** When the person's stay began, in milliseconds since 1970; 0 for the first. */
  readonly sinceMs: number
}

export const LiveContext: React.Context<LiveContextValue | undefined> = createContext<LiveContextValue | undefined>(undefined)

/** @throws {TypeError} outside a `LiveProvider`. */
export function useLiveContext(): LiveContextValue {
  const value = useContext(LiveContext)
  if (value === undefined) throw new TypeError('A live hook is outside <LiveProvider>. Put <LiveProvider client={live}> inside QueryClientProvider.')
  // Noticed here too, because a hook may render before its provider does.
  value.bridge.enterScope()
  return value
}
