import type { DehydrateOptions, HydrateOptions, QueryClient } from '@tanstack/react-query'
import type { LiveFetch, LiveQuery } from '@zenstack-live/client'
import { readJson } from '@zenstack-live/client/internal'
import { deserialize, serialize } from '@zenstackhq/client-helpers/fetch'
import { queryKeyOf } from './query-key.ts'
import { hashQueryKey } from './query-key-hash.ts'
import { RESUME_META, type CachedResumePoint } from './resume-meta.ts'

export interface PrefetchOptions {
  /** Where the edge is mounted, absolute on a server. @defaultValue `/api/live` */
  readonly endpoint?: string
  readonly fetch?: LiveFetch
  /** The visitor's cookie or token: the answer is what this person may see. */
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

/**
 * Reads a live query into the cache, usually on a server, with its place in the stream: the page that hydrates this cache shows it in its
 * first render and goes on from there. Like TanStack's `prefetchQuery` it never throws; what fails here is asked for by the page.
 *
 * @example
 * ```ts
 * await prefetchLiveQuery(queryClient, live.task.findMany(args), { endpoint, headers: { cookie } })
 * ```
 */
export async function prefetchLiveQuery(queryClient: QueryClient, query: LiveQuery<unknown>, options: PrefetchOptions = {}): Promise<void> {
  const { fetch = (url, init) => globalThis.fetch(url, init) } = options
  try {
    const { data, resume } = await readJson(query, {
      endpoint: (options.endpoint ?? '/api/live').replace(/\/$/, ''),
      fetch: (url, init) => fetch(url, { ...init, headers: { ...options.headers, accept: 'application/json' } }),
      signal: options.signal,
    })
    const queryKey = queryKeyOf(query.model, query.operation, query.args)
    const queryHash = hashQueryKey(queryKey)
    const cached = queryClient.getQueryCache().build(queryClient, { queryKey, queryHash })
    cached.setData(data)
    const place: CachedResumePoint | undefined = resume && { ...resume, updatedAt: cached.state.dataUpdatedAt }
    cached.setOptions({ ...cached.options, meta: { ...cached.meta, [RESUME_META]: place } })
  } catch {
    // The page asks by itself.
  }
}

/**
 * For `new QueryClient({ defaultOptions: liveHydration })` on both sides: dates, decimals, bigints and bytes survive the way from the server to the page.
 */
export const liveHydration: { readonly dehydrate: DehydrateOptions; readonly hydrate: NonNullable<HydrateOptions['defaultOptions']> } = {
  dehydrate: { serializeData: (data: unknown) => serialize(data) },
  hydrate: {
    // What `serializeData` made.
    deserializeData: (encoded: { data: unknown; meta: unknown }) => deserialize(encoded.data, encoded.meta),
  },
}
