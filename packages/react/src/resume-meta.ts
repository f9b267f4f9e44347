import type { ResumePoint } from '@zenstack-live/client/internal'

/** Under this name a cache entry's `meta` holds its place in the stream. */
export const RESUME_META = 'zenstackLive'

/** The resume point that travelled in a cache entry's `meta`. */
export function resumePointOf(meta: Record<string, unknown> | undefined): ResumePoint | undefined {
  const resume = meta?.[RESUME_META]
  // Written by prefetchLiveQuery alone, perhaps in another process of the same version.
  return typeof resume === 'object' && resume !== null && 'lastEventId' in resume ? (resume as ResumePoint) : undefined
}
