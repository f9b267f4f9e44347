import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { LiveProvider } from '@zenstack-live/react'
import type { ComponentProps, ReactElement } from 'react'
import { createRoot } from 'react-dom/client'

/** Renders what a page measures, as an application would: below TanStack's provider and ours. */
export function show(live: ComponentProps<typeof LiveProvider>['client'], page: ReactElement): void {
  const root = document.querySelector('#root')
  if (root === null) throw new Error('The page has no #root.')
  createRoot(root).render(
    <QueryClientProvider client={new QueryClient()}>
      <LiveProvider client={live}>{page}</LiveProvider>
    </QueryClientProvider>,
  )
}
