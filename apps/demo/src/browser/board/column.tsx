import { useState, type DragEvent, type JSX, type KeyboardEvent } from 'react'
import type { TaskStatus } from '../../../schema/generated/models.ts'
import { useDesk } from '../desk/desk.ts'
import type { Present } from '../motion/use-presence.ts'
import { usePerson } from '../people/person.ts'
import { NewTask } from './new-task.tsx'
import type { BoardTask } from './place-between.ts'
import { STATUSES, STATUS_NAMES } from './statuses.ts'
import { TaskCard } from './task-card.tsx'

interface ColumnProps {
  status: TaskStatus
  spaceId: string
  tasks: readonly Present<BoardTask>[]
  commentCounts: ReadonlyMap<string, number>
  onMove: (taskId: string, status: TaskStatus, beforeId: string | undefined) => void
  onOpen: (taskId: string) => void
}

export function Column({ status, spaceId, tasks, commentCounts, onMove, onOpen }: ColumnProps): JSX.Element {
  const { name } = useDesk()
  const { canWrite } = usePerson()
  const [isTarget, setTarget] = useState(false)
  // A card is dropped on its own side only: each side acts as its own person.
  const dragType = `application/x-tandem-${name}`
  const here = tasks.filter(({ isLeaving }) => !isLeaving).map(({ row }) => row)

  const over = (event: DragEvent): void => {
    if (!event.dataTransfer.types.includes(dragType)) return
    event.preventDefault()
    setTarget(true)
  }
  const drop = (event: DragEvent<HTMLElement>): void => {
    setTarget(false)
    const taskId = event.dataTransfer.getData(dragType)
    if (taskId === '') return
    event.preventDefault()
    onMove(taskId, status, cardBelow(event.currentTarget, event.clientY, taskId))
  }
  const onKey = (event: KeyboardEvent, task: BoardTask): void => {
    if (!event.shiftKey || !canWrite) return
    const move = keyboardMove(event.key, status, here, task.id)
    if (move === undefined) return
    event.preventDefault()
    onMove(task.id, move.status, move.beforeId)
  }
  return (
    <div
      role="group"
      className="column"
      data-status={status}
      data-target={isTarget}
      aria-label={STATUS_NAMES[status]}
      onDragOver={over}
      onDragLeave={() => setTarget(false)}
      onDrop={drop}
    >
      <h3>
        {STATUS_NAMES[status]} <span className="count">{here.length}</span>
      </h3>
      <ul>
        {tasks.map(({ row, isLeaving }) => (
          <TaskCard
            key={row.id}
            task={row}
            isLeaving={isLeaving}
            commentCount={commentCounts.get(row.id) ?? 0}
            dragType={dragType}
            onKey={(event) => onKey(event, row)}
            onOpen={() => onOpen(row.id)}
          />
        ))}
      </ul>
      {tasks.length === 0 && <p className="empty">Nothing here.</p>}
      {status === 'TODO' && canWrite && <NewTask spaceId={spaceId} lastPosition={here.at(-1)?.position ?? 0} />}
    </div>
  )
}

/** The card that a drop at this height comes before. */
function cardBelow(column: HTMLElement, y: number, movedId: string): string | undefined {
  for (const card of column.querySelectorAll<HTMLElement>('[data-row]')) {
    const box = card.getBoundingClientRect()
    if (card.dataset['row'] !== movedId && y < box.top + box.height / 2) return card.dataset['row']
  }
  return undefined
}

function keyboardMove(
  key: string,
  status: TaskStatus,
  column: readonly BoardTask[],
  taskId: string,
): { status: TaskStatus; beforeId: string | undefined } | undefined {
  const index = column.findIndex((task) => task.id === taskId)
  if (key === 'ArrowUp') return index > 0 ? { status, beforeId: column[index - 1]?.id } : undefined
  if (key === 'ArrowDown') return index < column.length - 1 ? { status, beforeId: column[index + 2]?.id } : undefined
  const step = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0
  const next = step === 0 ? undefined : STATUSES[STATUSES.indexOf(status) + step]
  return next === undefined ? undefined : { status: next, beforeId: undefined }
}
