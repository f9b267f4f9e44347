import type { Query } from '@tanstack/react-query'
import type { ResumePoint } from '@zenstack-live/client/internal'

/** Under this name a cache entry's `meta` holds its place in the stream. */
export const RESUME_META = 'zenstackLive'

/** A place in the stream, and when the data that was read there was put into the cache: `meta` stays where other data takes its place. */
export interface CachedResumePoint extends ResumePoint {
  readonly updatedAt: number
}

/** The resume point that travelled in a cache entry's `meta`, if the entry still holds what was read with it. */
export function resumePointOf({ meta, state }: Query): ResumePoint | undefined {
  // Written by prefetchLiveQuery alone, perhaps in another process of the same version.
  const resume = meta?.[RESUME_META] as CachedResumePoint | undefined
  return resume?.updatedAt === state.dataUpdatedAt ? resume : undefined
}
