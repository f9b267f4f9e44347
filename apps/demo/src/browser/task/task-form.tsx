import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import type { JSX } from 'react'
import type { Task, User } from '../../../schema/generated/models.ts'
import { schema } from '../../../schema/generated/schema-lite.ts'
import { STATUSES, STATUS_NAMES } from '../board/statuses.ts'
import { useDesk } from '../desk/desk.ts'
import { usePerson } from '../people/person.ts'
import { Icon } from '../ui/icon.tsx'
import { useChoice } from '../ui/use-choice.ts'
import { BudgetField } from './budget-field.tsx'
import { useDraft } from './use-draft.ts'

type Fields = Pick<Task, 'title' | 'notes' | 'status' | 'isPrivate' | 'budget' | 'assigneeId'>

interface TaskFormProps {
  task: Fields & Pick<Task, 'id' | 'authorId'> & { author: Pick<User, 'name'> }
  onDeleted: () => void
}

interface PartProps {
  task: TaskFormProps['task']
  save: (data: Partial<Fields>) => void
}

export function TaskForm({ task, onDeleted }: TaskFormProps): JSX.Element {
  const { canWrite } = usePerson()
  const update = useClientQueries(schema).task.useUpdate({ optimisticUpdate: true })
  const save = (data: Partial<Fields>): void => update.mutate({ where: { id: task.id }, data })
  const title = useDraft(task.title, (value) => save({ title: value }))
  const notes = useDraft(task.notes, (value) => save({ notes: value }))
  return (
    <form className="task-form" onSubmit={(event) => event.preventDefault()}>
      <textarea
        className="task-title"
        aria-label="Title"
        rows={1}
        maxLength={120}
        readOnly={!canWrite}
        value={title.value}
        onChange={(event) => title.onChange(event.target.value.replaceAll('\n', ' '))}
        onBlur={title.onBlur}
      />
      <p className="muted">Written by {task.author.name}</p>
      <Choices task={task} save={save} />
      <textarea
        className="task-notes"
        aria-label="Notes"
        rows={3}
        placeholder={canWrite ? 'Notes' : 'No notes'}
        readOnly={!canWrite}
        value={notes.value}
        onChange={(event) => notes.onChange(event.target.value)}
        onBlur={notes.onBlur}
      />
      {canWrite && <Actions task={task} save={save} onDeleted={onDeleted} />}
    </form>
  )
}

function Choices({ task, save }: PartProps): JSX.Element {
  const { name } = useDesk()
  const { people, canWrite } = usePerson()
  const [chosen, setStatus] = useChoice(task.status, (status) => save({ status }))
  const [assigneeId, setAssignee] = useChoice(task.assigneeId, (id) => save({ assigneeId: id }))
  return (
    <>
      <fieldset className="segments" disabled={!canWrite}>
        <legend className="hidden">Status</legend>
        {STATUSES.map((status) => (
          <label key={status}>
            <input type="radio" name={`${name}-status`} checked={chosen === status} onChange={() => setStatus(status)} />
            {STATUS_NAMES[status]}
          </label>
        ))}
      </fieldset>
      <div className="fields">
        <label>
          <span>Assignee</span>
          <select disabled={!canWrite} value={assigneeId ?? ''} onChange={(event) => setAssignee(event.target.value || null)}>
            <option value="">Nobody</option>
            {people.map((person) => (
              <option key={person.id} value={person.id}>
                {person.name}
              </option>
            ))}
          </select>
        </label>
        <BudgetField budget={task.budget} onSave={(budget) => save({ budget })} />
      </div>
    </>
  )
}

function Actions({ task, save, onDeleted }: PartProps & { onDeleted: () => void }): JSX.Element {
  const { me } = usePerson()
  const remove = useClientQueries(schema).task.useDelete()
  const [isPrivate, setPrivate] = useChoice(task.isPrivate, (value) => save({ isPrivate: value }))
  return (
    <div className="task-actions">
      {task.authorId === me.id && (
        <label className="switch">
          <input type="checkbox" role="switch" checked={isPrivate} onChange={(event) => setPrivate(event.target.checked)} />
          Only I can see it
        </label>
      )}
      <button
        type="button"
        className="button quiet danger"
        onClick={() => {
          remove.mutate({ where: { id: task.id } })
          onDeleted()
        }}
      >
        <Icon name="trash" />
        <span>Delete</span>
      </button>
    </div>
  )
}
