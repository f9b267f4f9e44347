import { createLiveClient, useLiveQuery } from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import { memo, useLayoutEffect, type ReactElement } from 'react'
import { show } from './show.tsx'
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

show(live, <Board />)
