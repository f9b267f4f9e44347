import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { QuerySettingsProvider } from '@zenstackhq/tanstack-query/react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { getSession } from './session.ts'

const queryClient = new QueryClient()
const user = await getSession()

createRoot(document.body).render(
  <QueryClientProvider client={queryClient}>
    <QuerySettingsProvider value={{ endpoint: '/api/model' }}>
      <App user={user} />
    </QuerySettingsProvider>
  </QueryClientProvider>,
)
