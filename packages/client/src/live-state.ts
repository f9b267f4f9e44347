import type { LiveError } from '@zenstack-live/protocol'
import type { StateKind } from './connection-machine.ts'

/**
 * How current a query's result is:
 * - `idle`: nobody watches it
 * - `connecting`: no result yet
 * - `live`: follows the database
 * - `catching-up`: shows the last result while the stream is resumed
 * - `polling`: asked for every few seconds, because something on the way does not let streams through
 * - `offline`: shows the last result; there is no network, or the page is frozen
 * - `denied`: the server refuses; `error` says why
 * - `stalled`: shows the last result, if there is one; a file of the client did not load, as `error` says
 * - `closed`: the client was closed, or the person signed out
 */
export type LiveStatus = 'idle' | 'connecting' | 'live' | 'catching-up' | 'polling' | 'offline' | 'denied' | 'stalled' | 'closed'

/** What a subscriber is given. A new object for each transaction that changes the result, and for each change of status. */
export type LiveState<T> = { readonly isLive: boolean; readonly liveStatus: LiveStatus; readonly lastSyncedAt: number | undefined } & (
  | { readonly status: 'pending'; readonly data: undefined; readonly error: null }
  | { readonly status: 'success'; readonly data: T; readonly error: null }
  | { readonly status: 'error'; readonly data: T | undefined; readonly error: LiveError }
)

/** The state of something that is watched. */
export function liveStateOf(
  result: { readonly data: unknown } | undefined,
  liveStatus: LiveStatus,
  lastSyncedAt: number | undefined,
  error: LiveError | undefined,
): LiveState<unknown> {
  const base = { isLive: liveStatus === 'live', liveStatus, lastSyncedAt }
  if (error !== undefined) return { ...base, status: 'error', data: result?.data, error }
  return result === undefined
    ? { ...base, status: 'pending', data: undefined, error: null }
    : { ...base, status: 'success', data: result.data, error: null }
}

/** Of what nobody watches. */
export const IDLE_STATE: LiveState<unknown> = liveStateOf(undefined, 'idle', undefined, undefined)

/** Whether a subscriber has nothing new to be told. When the result was last confirmed is no news. */
export function isSameState(a: LiveState<unknown>, b: LiveState<unknown>): boolean {
  return a.data === b.data && a.error?.code === b.error?.code && a.liveStatus === b.liveStatus && a.status === b.status
}

/** How current a result is, on a connection in this state. */
export function liveStatusOf(kind: StateKind, isFollowed: boolean, hasResult: boolean): LiveStatus {
  if (isFollowed) return 'live'
  if (kind === 'offline' || kind === 'frozen') return 'offline'
  if (kind === 'stopped') return 'denied'
  if (kind === 'signed-out' || kind === 'closed') return 'closed'
  if (kind === 'polling' && hasResult) return 'polling'
  return hasResult ? 'catching-up' : 'connecting'
}
