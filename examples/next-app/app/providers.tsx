'use client'

import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { liveHydration, LiveProvider } from '@zenstack-live/react'
import { QuerySettingsProvider } from '@zenstackhq/tanstack-query/react'
import { useState, type ReactNode } from 'react'
import { live } from './live'

export function Providers({ children }: { children: ReactNode }) {
  // One for the page in the browser, one for each request on the server.
  const [queryClient] = useState(() => new QueryClient({ defaultOptions: liveHydration }))
  return (
    <QueryClientProvider client={queryClient}>
      <LiveProvider client={live}>
        <QuerySettingsProvider value={{ endpoint: '/api/model', fetch: live.fetch }}>{children}</QuerySettingsProvider>
      </LiveProvider>
    </QueryClientProvider>
  )
}
