import { useLiveQuery } from '@zenstack-live/react'
import type { JSX } from 'react'
import { useDesk } from '../desk/desk.ts'
import { Sheet } from '../ui/sheet.tsx'
import { Comments } from './comments.tsx'
import { TaskForm } from './task-form.tsx'

export function TaskSheet({ taskId, onClose }: { taskId: string; onClose: () => void }): JSX.Element {
  const { live } = useDesk()
  const { data: task } = useLiveQuery(live.task.findUnique({ where: { id: taskId }, include: { author: true } }))
  return (
    <Sheet label={task?.title ?? 'Task'} onClose={onClose}>
      {task === null && (
        <div className="vanished" role="alert">
          <strong>This task is not yours to see any more.</strong>
          <p>It was deleted, made private, or you left its space.</p>
        </div>
      )}
      {task === undefined && <p className="muted">Opening…</p>}
      {task && (
        <>
          <TaskForm task={task} onDeleted={onClose} />
          <Comments taskId={task.id} />
        </>
      )}
    </Sheet>
  )
}
