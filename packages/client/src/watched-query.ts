import { queryId, type ErrorCode, type LiveError, type QueryId, type RowChange, type WireQuery } from '@zenstack-live/protocol'
import type { Held } from './hold.ts'
import type { LiveState } from './live-state.ts'
import { refusedError } from './refused-error.ts'
import { wireOf, type AnyDescriptor } from './wire-of.ts'

/** A query that somebody watches, or watched a moment ago, and what is known of it beside its result. */
export class WatchedQuery implements Held {
  readonly id: QueryId
  readonly wire: WireQuery
  readonly query: AnyDescriptor
  readonly listeners = new Set<() => void>()
  readonly changeListeners = new Set<(change: RowChange) => void>()
  /** What its listeners were told last. */
  state: LiveState<unknown> | undefined
  syncedAt: number | undefined
  lingering: ReturnType<typeof setTimeout> | undefined
  /** Runs where it was refused, and may be answered later. */
  retrying: ReturnType<typeof setTimeout> | undefined
  /** Why the server does not answer it. It is not asked meanwhile. */
  error: LiveError | undefined

  constructor(query: AnyDescriptor) {
    this.query = query
    this.wire = wireOf(query)
    this.id = queryId(this.wire)
  }

  fail(code: ErrorCode): void {
    const { model, operation } = this.query
    clearTimeout(this.retrying)
    this.error = refusedError(code, `${model}.${operation}`)
  }

  /** Nobody is told anything any more. */
  end(): void {
    clearTimeout(this.lingering)
    clearTimeout(this.retrying)
  }
}
