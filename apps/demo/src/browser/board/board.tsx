import { useLiveQuery } from '@zenstack-live/react'
import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import { useRef, type JSX } from 'react'
import type { TaskStatus } from '../../../schema/generated/models.ts'
import { schema } from '../../../schema/generated/schema-lite.ts'
import { useDesk } from '../desk/desk.ts'
import { usePresence } from '../motion/use-presence.ts'
import { useRowMotion } from '../motion/use-row-motion.ts'
import { Skeleton } from '../ui/skeleton.tsx'
import { Column } from './column.tsx'
import { placeBetween, type BoardTask } from './place-between.ts'
import { STATUSES } from './statuses.ts'

const LEAVE_MS = 420

interface BoardProps {
  spaceId: string
  /** The space was taken away while it was open. */
  isGone: boolean
  onOpen: (taskId: string) => void
}

export function Board({ spaceId, isGone, onOpen }: BoardProps): JSX.Element {
  const { live } = useDesk()
  const tasks = useLiveQuery(live.task.findMany({ where: { spaceId }, orderBy: { position: 'asc' } }))
  const comments = useLiveQuery(live.comment.groupBy({ by: ['taskId'], where: { task: { spaceId } }, _count: true }))
  const update = useClientQueries(schema).task.useUpdate({ optimisticUpdate: true })
  const board = useRef<HTMLDivElement>(null)
  const present = usePresence(tasks.data ?? NONE, LEAVE_MS)
  useRowMotion(board)

  if (tasks.data === undefined) return <Skeleton failure={tasks.error} />
  const rows = tasks.data
  const move = (taskId: string, status: TaskStatus, beforeId: string | undefined): void => {
    update.mutate({ where: { id: taskId }, data: { status, position: placeBetween(rows, status, taskId, beforeId) } })
  }
  // Without the space there is nothing to add to: the columns go when the last row has faded.
  const columns = isGone && present.length === 0 ? [] : STATUSES
  const commentCounts = new Map(comments.data?.map((group) => [group.taskId, group._count]))
  return (
    <div className="board" ref={board}>
      {columns.map((status) => (
        <Column
          key={status}
          status={status}
          spaceId={spaceId}
          tasks={present.filter(({ row }) => row.status === status)}
          commentCounts={commentCounts}
          onMove={move}
          onOpen={onOpen}
        />
      ))}
      {isGone && (
        <div className="gone" role="alert">
          <strong>This space is no longer yours to see.</strong>
          <p>You were removed from it a moment ago, and its rows left this page with the same commit.</p>
        </div>
      )}
    </div>
  )
}

const NONE: readonly BoardTask[] = []
