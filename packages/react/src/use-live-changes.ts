'use client'

import type { LiveChanges } from '@zenstack-live/client'
import { useEffect, useRef } from 'react'
import { useLiveContext } from './live-context.ts'
import type { Falsy } from './live-query-options.ts'

/**
 * Calls back once for each matching change while the component is mounted. For reacting (a toast, a sound), not for showing rows.
 * The callback may be a new function in each render.
 */
export function useLiveChanges<Change>(changes: LiveChanges<Change> | Falsy, onChange: (change: Change) => void): void {
  const { bridge } = useLiveContext()
  // By hand what `useEffectEvent` does: that came with React 19.2.
  const latest = useRef(onChange)
  useEffect(() => {
    latest.current = onChange
  })
  const { store } = bridge.live
  const id = changes ? store.idOf(changes) : undefined
  // oxlint-disable-next-line react/exhaustive-effect-dependencies -- equal descriptors have equal ids
  useEffect(() => {
    if (!changes) return undefined
    // The wire carries the row as ZenStack serializes it; the descriptor's type says which.
    return store.watchChanges(changes, (change) => latest.current({ ...change, date: new Date(change.date) } as Change))
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- equal descriptors have equal ids
  }, [store, id])
}
