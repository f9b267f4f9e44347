import { createLiveClient } from '@zenstack-live/react'
import { schema } from '../zenstack/schema-lite'

/** Who sits at this browser. A server renders for everybody, and keeps nothing. */
export const identity = (): string | null => (typeof document === 'undefined' ? null : (/\buser=([^;]+)/.exec(document.cookie)?.[1] ?? null))

export const live = createLiveClient(schema, { endpoint: '/api/live', identity })

/** Asked on the server and in the browser: equal questions are one query. */
export const allTasks = live.task.findMany({ orderBy: { id: 'asc' } })
