import { useState, type JSX, type KeyboardEvent } from 'react'
import { Avatar } from '../people/avatar.tsx'
import { usePerson } from '../people/person.ts'
import { Icon } from '../ui/icon.tsx'
import type { BoardTask } from './place-between.ts'
import { formatBudget } from './format-budget.ts'

interface TaskCardProps {
  task: BoardTask
  isLeaving: boolean
  commentCount: number
  dragType: string
  onKey: (event: KeyboardEvent) => void
  onOpen: () => void
}

export function TaskCard({ task, isLeaving, commentCount, dragType, onKey, onOpen }: TaskCardProps): JSX.Element {
  const { people, canWrite } = usePerson()
  const [isDragged, setDragged] = useState(false)
  const assignee = people.find(({ id }) => id === task.assigneeId)
  // What lights up when it changes. The position is left out: moving shows itself.
  const version = JSON.stringify([task.title, task.notes, task.status, task.isPrivate, task.budget, task.assigneeId, commentCount])
  return (
    <li
      className="card"
      data-row={isLeaving ? undefined : task.id}
      data-version={version}
      data-leaving={isLeaving}
      data-private={task.isPrivate}
      data-pending={task.$optimistic === true}
      data-dragged={isDragged}
      inert={isLeaving}
      draggable={canWrite}
      onDragStart={(event) => {
        event.dataTransfer.setData(dragType, task.id)
        event.dataTransfer.effectAllowed = 'move'
        setDragged(true)
      }}
      onDragEnd={() => setDragged(false)}
    >
      <button
        type="button"
        className="title"
        onClick={onOpen}
        onKeyDown={onKey}
        aria-keyshortcuts="Shift+ArrowLeft Shift+ArrowRight Shift+ArrowUp Shift+ArrowDown"
      >
        {task.title}
      </button>
      <div className="facts">
        {task.isPrivate && (
          <span className="chip private">
            <Icon name="lock" />
            Only you
          </span>
        )}
        {task.budget !== null && <span className="chip budget">{formatBudget(task.budget)}</span>}
        {commentCount > 0 && (
          <span className="comments">
            <Icon name="comment" />
            {commentCount}
            <span className="hidden"> comments</span>
          </span>
        )}
        {assignee !== undefined && <Avatar face={assignee} label={assignee.name} size={22} />}
      </div>
    </li>
  )
}
