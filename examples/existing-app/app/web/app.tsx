import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import type { SubmitEvent } from 'react'
import { schema } from '../zenstack/schema-lite.ts'
import { signIn, signOut, type SessionUser } from './session.ts'

export function App({ user }: { user: SessionUser | null }) {
  if (user === null) return <SignIn />
  return (
    <main>
      <header>
        <h1>Tasks</h1>
        <button onClick={() => void signOut()}>Sign out {user.id}</button>
      </header>
      <NewTask />
      <TaskList user={user} />
    </main>
  )
}

function TaskList({ user }: { user: SessionUser }) {
  const { data: tasks, isPending } = useClientQueries(schema).task.useFindMany({ include: { owner: true }, orderBy: { id: 'asc' } })
  const { mutate: update } = useClientQueries(schema).task.useUpdate()
  const { mutate: remove } = useClientQueries(schema).task.useDelete()
  if (isPending) return <p>Loading…</p>
  return (
    <ul>
      {tasks?.map(({ id, title, done, isShared, owner }) => (
        <li key={id}>
          <label>
            <input type="checkbox" checked={done} disabled={owner.id !== user.id} onChange={() => update({ where: { id }, data: { done: !done } })} />
            {title} {owner.id === user.id ? null : <small>{owner.name}</small>}
          </label>
          {owner.id === user.id && (
            <>
              <button onClick={() => update({ where: { id }, data: { isShared: !isShared } })}>{isShared ? 'Keep to myself' : 'Share'}</button>
              <button onClick={() => remove({ where: { id } })}>Delete</button>
            </>
          )}
        </li>
      ))}
    </ul>
  )
}

function NewTask() {
  const { mutate: create } = useClientQueries(schema).task.useCreate()
  return (
    <form
      onSubmit={(event) => {
        const title = textOf(event, 'title')
        if (title !== '') create({ data: { title } })
      }}
    >
      <input name="title" aria-label="What has to be done?" placeholder="What has to be done?" />
      <button>Add</button>
    </form>
  )
}

function SignIn() {
  return (
    <form onSubmit={(event) => void signIn(textOf(event, 'name'))}>
      <input name="name" aria-label="Your name" placeholder="Your name" />
      <button>Sign in</button>
    </form>
  )
}

/** What was typed, and the form is empty again. */
function textOf(event: SubmitEvent<HTMLFormElement>, name: string): string {
  event.preventDefault()
  const text = new FormData(event.currentTarget).get(name)
  event.currentTarget.reset()
  return typeof text === 'string' ? text.trim() : ''
}
