'use client'

import type { QueryFunctionContext, QueryKey } from '@tanstack/react-query'
import type { LiveQuery } from '@zenstack-live/client'
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { useLiveContext } from './live-context.ts'
import type { LiveFlags } from './live-query-options.ts'
import type { QueryCacheBridge } from './query-cache-bridge.ts'
import { queryKeyOf } from './query-key.ts'
import { hashQueryKey } from './query-key-hash.ts'

export interface LiveKey {
  /** How equal parts of two results become one, unless the application says otherwise. */
  readonly structuralSharing: (before: unknown, next: unknown) => unknown
  /** What of the application's `placeholderData` is for the present person. */
  readonly placeholder: (given: unknown) => unknown
  /** The options by which TanStack's hooks leave fetching to the live store. */
  readonly options: {
    readonly queryKey: QueryKey
    readonly queryKeyHashFn: (queryKey: QueryKey) => string
    readonly queryFn: (context: QueryFunctionContext) => Promise<unknown>
    readonly staleTime: 'static'
    readonly retry: false
    readonly networkMode: 'always'
  }
  readonly flags: LiveFlags
}

/** Holds a query open while the component is mounted, and says under which key TanStack finds it. */
export function useLiveKey(query: LiveQuery<unknown>, isEnabled: boolean, isOptimistic: boolean): LiveKey {
  const { bridge } = useLiveContext()
  const queryKey = queryKeyOf(query.model, query.operation, query.args, isOptimistic)
  const hash = hashQueryKey(queryKey)
  // A descriptor is made anew in each render; the first of equal ones, which have one hash, stands for all.
  const held = useMemo(() => {
    bridge.adopt(query, hash)
    return { query, queryKey, hash }
    // oxlint-disable-next-line react/memo-dependencies, react-hooks/exhaustive-deps -- `hash` stands for `query` and `queryKey`
  }, [bridge, hash])
  useEffect(() => (isEnabled ? bridge.hold(held.query, held.queryKey) : undefined), [bridge, held, isEnabled])
  const flags = useLiveFlags(bridge, held.query, held.queryKey, isEnabled)
  const options = useMemo(
    () => ({
      queryKey: held.queryKey,
      queryKeyHashFn: hashQueryKey,
      queryFn: ({ signal }: QueryFunctionContext) => bridge.fetch(held.query, held.queryKey, signal),
      staleTime: 'static' as const,
      retry: false as const,
      networkMode: 'always' as const,
    }),
    [bridge, held],
  )
  return { structuralSharing: bridge.share, placeholder: bridge.placeholder, options, flags }
}

/** Flags that cost a render only where they are read. */
function useLiveFlags(bridge: QueryCacheBridge, query: LiveQuery<unknown>, queryKey: QueryKey, isEnabled: boolean): LiveFlags {
  const isRead = useRef(false)
  const { store } = bridge.live
  const status = useSyncExternalStore(
    useMemo(() => (onChange: () => void) => bridge.onState(query, onChange), [bridge, query]),
    () => (isRead.current ? store.read(query).liveStatus : undefined),
    () => 'connecting' as const,
  )
  const read = (): LiveFlags['liveStatus'] => {
    isRead.current = true
    return isEnabled ? (status ?? store.read(query).liveStatus) : 'idle'
  }
  return {
    queryKey,
    get isLive() {
      return read() === 'live'
    },
    get liveStatus() {
      return read()
    },
    get lastSyncedAt() {
      return store.lastSyncedAt(query)
    },
  }
}

/** Both results' members in one object, read only when asked for: TanStack renders again for what was read, and so do the flags. */
export function joinResults<A extends object, B extends object>(a: A, b: B): A & B {
  const joined = {}
  for (const source of [a, b]) {
    for (const name of Object.keys(source)) {
      // The later source wins.
      Object.defineProperty(joined, name, { get: () => Reflect.get(source, name) as unknown, enumerable: true, configurable: true })
    }
  }
  // It has every member of both.
  return joined as A & B
}
