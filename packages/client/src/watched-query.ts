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
  #error: LiveError | undefined
  #retrying: ReturnType<typeof setTimeout> | undefined

  constructor(query: AnyDescriptor) {
    this.query = query
    this.wire = wireOf(query)
    this.id = queryId(this.wire)
  }

  /** Why the server does not answer it. It is not asked meanwhile. */
  get error(): LiveError | undefined {
    return this.#error
  }

  /** It was refused; where asking again may help, `retry` is called after a while. */
  fail(code: ErrorCode, retryMs: number | undefined, retry: () => void): void {
    const { model, operation } = this.query
    this.#error = refusedError(code, `${model}.${operation}`)
    clearTimeout(this.#retrying)
    if (retryMs !== undefined) this.#retrying = setTimeout(retry, retryMs)
  }

  recover(): void {
    this.#error = undefined
  }

  /** Nobody is told anything any more. */
  end(): void {
    clearTimeout(this.lingering)
    clearTimeout(this.#retrying)
  }
}
