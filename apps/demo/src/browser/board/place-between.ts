import type { Task, TaskStatus } from '../../../schema/generated/models.ts'

export type BoardTask = Pick<Task, 'id' | 'title' | 'notes' | 'status' | 'position' | 'isPrivate' | 'budget' | 'authorId' | 'assigneeId'> & {
  $optimistic?: boolean
}

/** A position in the column just before `beforeId`, or at its end: halfway between the neighbours, so that one row changes. */
export function placeBetween(tasks: readonly BoardTask[], status: TaskStatus, movedId: string, beforeId: string | undefined): number {
  const column = tasks.filter((task) => task.status === status && task.id !== movedId)
  const index = beforeId === undefined ? column.length : column.findIndex((task) => task.id === beforeId)
  const [above, below] = [column[index - 1]?.position, column[index]?.position]
  if (above === undefined && below === undefined) return 1
  if (above === undefined) return (below ?? 1) - 1
  if (below === undefined) return above + 1
  return (above + below) / 2
}
