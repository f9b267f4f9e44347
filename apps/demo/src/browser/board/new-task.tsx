import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import { useState, type JSX } from 'react'
import { schema } from '../../../schema/generated/schema-lite.ts'
import { usePerson } from '../people/person.ts'
import { Icon } from '../ui/icon.tsx'

export function NewTask({ spaceId, lastPosition }: { spaceId: string; lastPosition: number }): JSX.Element {
  const { me } = usePerson()
  const [title, setTitle] = useState('')
  const [isPrivate, setPrivate] = useState(false)
  const create = useClientQueries(schema).task.useCreate({ optimisticUpdate: true })
  const submit = (): void => {
    if (title.trim() === '') return
    // The id is made here, so that the row keeps it from the first frame on.
    const id = crypto.randomUUID()
    create.mutate({ data: { id, spaceId, title: title.trim(), isPrivate, authorId: me.id, position: lastPosition + 1 } })
    setTitle('')
  }
  return (
    <form
      className="new-task"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <input
        value={title}
        onChange={(event) => setTitle(event.target.value)}
        placeholder="Add a task"
        aria-label="Title of a new task"
        maxLength={120}
      />
      <label className="private-switch" title={isPrivate ? 'Only you will see it' : 'Everyone in the space will see it'}>
        <input type="checkbox" checked={isPrivate} onChange={(event) => setPrivate(event.target.checked)} />
        <Icon name="lock" />
        <span className="hidden">Private</span>
      </label>
      <button type="submit" disabled={title.trim() === ''} aria-label="Add the task">
        <Icon name="plus" />
      </button>
    </form>
  )
}
