import type { LiveError } from '@zenstack-live/protocol'

/**
 * How current a query's result is:
 * - `idle`: nobody watches it
 * - `connecting`: no result yet
 * - `live`: follows the database
 * - `catching-up`: shows the last result while the stream is resumed
 * - `polling`: asked for every few seconds, because something on the way does not let streams through
 * - `offline`: shows the last result; there is no network, or the page is frozen
 * - `denied`: the server refuses; `error` says why
 * - `closed`: the client was closed, or the person signed out
 */
export type LiveStatus = 'idle' | 'connecting' | 'live' | 'catching-up' | 'polling' | 'offline' | 'denied' | 'closed'

/** What a subscriber is given. A new object for each transaction that changes the result, and for each change of status. */
export type LiveState<T> = { readonly isLive: boolean; readonly liveStatus: LiveStatus; readonly lastSyncedAt: number | undefined } & (
  | { readonly status: 'pending'; readonly data: undefined; readonly error: null }
  | { readonly status: 'success'; readonly data: T; readonly error: null }
  | { readonly status: 'error'; readonly data: T | undefined; readonly error: LiveError }
)
