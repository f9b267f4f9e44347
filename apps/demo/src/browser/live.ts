// INTERIM: polling behind the shape of the live API.
// oxlint-disable
import { useClientQueries } from '@zenstackhq/tanstack-query/react'
import { createContext } from 'react'
import { schema } from '../../schema/generated/schema-lite.ts'
export type Live = any
export function createLiveClient(_schema: unknown, _options: unknown): Live {
  return new Proxy({ fetch: (_options as any).fetchWithHeaders } as any, { get: (t, model: string) => t[model] ?? new Proxy({}, { get: (_t, operation: string) => (args: unknown) => ({ model, operation, args }) }) })
}
export const LiveProvider = createContext<any>(null).Provider as any
export function useLiveQuery(d: any): any {
  const q = useClientQueries(schema) as any
  const { model, operation, args } = d || { model: 'task', operation: 'findMany', args: {} }
  const hook = q[model]['use' + operation[0].toUpperCase() + operation.slice(1)]
  const r = hook(args, { enabled: !!d, refetchInterval: 1500 })
  return { ...r, isLive: true, liveStatus: 'live', lastSyncedAt: new Date() }
}
