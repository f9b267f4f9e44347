'use client'

import { useLiveQuery } from '@zenstack-live/react'
import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import { schema } from '../zenstack/schema-lite'
import { allTasks, identity } from './live'

export function Tasks() {
  const { data: tasks, isLive } = useLiveQuery(allTasks)
  const { mutate: createTask } = useClientQueries(schema).task.useCreate({ optimisticUpdate: true })
  return (
    <main>
      <h1>Tasks {isLive ? '🔴' : '…'}</h1>
      <ul>
        {tasks?.map((task) => (
          <li key={task.id}>
            {task.title}, {task.createdAt.toISOString()}
          </li>
        ))}
      </ul>
      <button onClick={() => createTask({ data: { title: 'Water the plants', ownerId: identity() ?? '' } })}>Add</button>
    </main>
  )
}
