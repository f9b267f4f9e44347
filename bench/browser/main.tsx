import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createLiveClient, LiveProvider, useLiveQuery } from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import { memo, useLayoutEffect, type ReactElement } from 'react'
import { createRoot } from 'react-dom/client'
import { stampedFetch, stampRender } from './stamps.ts'

const live = createLiveClient(schema, { identity: () => 'bob', headers: { 'x-user': 'bob' }, fetch: stampedFetch })
const tasks = live.task.findMany({ where: { spaceId: 'garden' }, orderBy: { id: 'asc' } })

/** A list as any application has one. */
function Board(): ReactElement {
  const { data = [], isLive } = useLiveQuery(tasks)
  return (
    <ul data-live={isLive}>
      {data.map((task) => (
        <Task key={task.id} title={task.title} status={task.status} />
      ))}
    </ul>
  )
}

const Task = memo(({ title, status }: { title: string; status: string }): ReactElement => {
  useLayoutEffect(() => stampRender(title), [title])
  return (
    <li>
      <b>{title}</b> <i>{status}</i>
    </li>
  )
})

const root = document.querySelector('#root')
if (root === null) throw new Error('index.html has no #root.')
createRoot(root).render(
  <QueryClientProvider client={new QueryClient()}>
    <LiveProvider client={live}>
      <Board />
    </LiveProvider>
  </QueryClientProvider>,
)
