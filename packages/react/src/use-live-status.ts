'use client'

import type { LiveStatus } from '@zenstack-live/client'
import { useCallback, useSyncExternalStore } from 'react'
import { useLiveContext } from './live-context.ts'

/** The connection's status, for a badge: `idle` while nothing is watched. Renders again only when it changes. */
export function useLiveStatus(): LiveStatus {
  const { bridge } = useLiveContext()
  const { store } = bridge.live
  return useSyncExternalStore(
    useCallback((onChange) => store.onStatus(onChange), [store]),
    () => store.status(),
    () => 'connecting',
  )
}
