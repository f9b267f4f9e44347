import type { TaskStatus } from '../../../schema/generated/models.ts'

export const STATUSES: readonly TaskStatus[] = ['TODO', 'DOING', 'DONE']
export const STATUS_NAMES: Readonly<Record<TaskStatus, string>> = { TODO: 'To do', DOING: 'Doing', DONE: 'Done' }
