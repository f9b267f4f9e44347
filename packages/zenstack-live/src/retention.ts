import type { Retention } from '@zenstack-live/change-log'

/** A day is longer than any reader that should resume is away; a gibibyte is what a small Redis can spare. */
export const DEFAULT_RETENTION: Retention = { maxAgeMs: 24 * 60 * 60_000, maxBytes: 1024 ** 3 }
export const TRIM_INTERVAL_MS = 60_000
