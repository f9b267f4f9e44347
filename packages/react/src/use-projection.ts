'use client'

import type { LiveProjection, LiveState } from '@zenstack-live/client'
import { useCallback, useMemo, useSyncExternalStore } from 'react'
import { useLiveContext } from './live-context.ts'
import type { Falsy } from './live-query-options.ts'

/** A projection's state, and how current it is: `status`, `data`, `error`, `isLive`, `liveStatus` and `lastSyncedAt`, as of a live query. */
export type LiveProjectionResult<State> = LiveState<State> & {
  readonly isPending: boolean
  readonly isSuccess: boolean
  readonly isError: boolean
}

/**
 * A projection that stays current. What an event did not touch keeps its identity from one state to the next. A falsy projection
 * asks nothing.
 *
 * @example
 * ```tsx
 * import type { cartProjection } from '../server/cart.ts'
 *
 * const { data: cart, isLive } = useProjection(live.projection<typeof cartProjection>('cart', cartId))
 * ```
 */
export function useProjection<State>(projection: LiveProjection<State> | Falsy): LiveProjectionResult<State> {
  const { bridge } = useLiveContext()
  const { projections } = bridge.live
  const { projection: name, id } = projection || NOTHING
  // A descriptor is made anew in each render; its parts are compared.
  const wanted = useMemo(() => ({ projection: name, id }), [name, id])
  const subscribe = useCallback(
    (onChange: () => void) => (wanted.projection === '' ? () => {} : projections.watch(wanted, onChange)),
    [projections, wanted],
  )
  const state = useSyncExternalStore(
    subscribe,
    () => projections.read(wanted),
    () => projections.read(NOTHING),
  )
  const { status } = state
  // The server's projection is what the descriptor's type says: the application named both.
  return { ...(state as LiveState<State>), isPending: status === 'pending', isSuccess: status === 'success', isError: status === 'error' }
}

/** Stands in for a falsy descriptor: one that nobody ever watches. */
const NOTHING: LiveProjection<never> = { projection: '', id: '' }
