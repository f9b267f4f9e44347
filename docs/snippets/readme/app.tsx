import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createLiveClient, LiveProvider, useLiveQuery } from '@zenstack-live/react'
import { QuerySettingsProvider, useClientQueries } from '@zenstackhq/tanstack-query/react'
import { createRoot } from 'react-dom/client'
import { schema } from './zenstack/schema-lite.ts'

const user = 'ann'
const live = createLiveClient(schema, { endpoint: '/api/live', identity: () => user, headers: { 'x-user': user } })

function Tasks() {
  const { data: tasks, isLive } = useLiveQuery(live.task.findMany({ where: { done: false }, orderBy: { id: 'asc' } }))
  const { mutate: createTask } = useClientQueries(schema).task.useCreate()
  return (
    <main>
      <h1>Tasks {isLive ? '🔴' : '…'}</h1>
      {tasks?.map((task) => (
        <p key={task.id}>{task.title}</p>
      ))}
      <button onClick={() => createTask({ data: { title: 'Water the plants', ownerId: user } })}>Add</button>
    </main>
  )
}

createRoot(document.body).render(
  <QueryClientProvider client={new QueryClient()}>
    <LiveProvider client={live}>
      <QuerySettingsProvider value={{ endpoint: '/api/model', fetch: live.fetch }}>
        <Tasks />
      </QuerySettingsProvider>
    </LiveProvider>
  </QueryClientProvider>,
)
