'use client'

import { useQueryClient } from '@tanstack/react-query'
import { createElement, useEffect, useReducer, type ReactElement, type ReactNode } from 'react'
import { LiveContext } from './live-context.ts'
import { bridgeOf, type AnyLiveClient } from './query-cache-bridge.ts'

export interface LiveProviderProps {
  /** From `createLiveClient`. Make it once, outside components. */
  readonly client: AnyLiveClient
  readonly children?: ReactNode
}

/** Gives a live client to the hooks below it. Place it inside TanStack's `QueryClientProvider`. */
export function LiveProvider({ client, children }: LiveProviderProps): ReactElement {
  const bridge = bridgeOf(client, useQueryClient())
  const [, renderAgain] = useReducer((count: number) => count + 1, 0)
  useEffect(() => {
    const stop = bridge.start()
    const forget = bridge.live.store.onScopeChange(() => queueMicrotask(renderAgain))
    return () => {
      forget()
      stop()
    }
  }, [bridge])
  // The person may have changed since the last render: what was theirs is cleared here, before any hook below reads it.
  bridge.enterScope()
  // Not as JSX: sources also run unbuilt, and Node reads no .tsx.
  return createElement(LiveContext.Provider, { value: bridge.context }, children)
}
