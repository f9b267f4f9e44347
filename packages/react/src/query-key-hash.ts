import { hashKey, type QueryKey } from '@tanstack/react-query'

/** TanStack's hash, which cannot write a bigint, with bigints written. */
export function hashQueryKey(queryKey: QueryKey): string {
  try {
    return hashKey(queryKey)
  } catch {
    return JSON.stringify(queryKey, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
  }
}
