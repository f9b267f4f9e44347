import { queryId, type ErrorCode, type LiveError, type QueryId, type RowChange, type WireQuery } from '@zenstack-live/protocol'
import { callListener } from './call-listener.ts'
import type { LiveState } from './live-state.ts'
import { refusedError } from './refused-error.ts'
import { isRetryable } from './stream-end.ts'
import { wireOf, type AnyDescriptor } from './wire-of.ts'

/** A query that somebody watches, or watched a moment ago, and what is known of it beside its result. */
export class WatchedQuery {
  readonly id: QueryId
  readonly wire: WireQuery
  readonly query: AnyDescriptor
  readonly listeners = new Set<() => void>()
  readonly changeListeners = new Set<(change: RowChange) => void>()
  /** What its listeners were told last. */
  state: LiveState<unknown> | undefined
  syncedAt: number | undefined
  #error: LiveError | undefined
  #lingering: ReturnType<typeof setTimeout> | undefined
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

  /** Somebody listens until released; some time after the last one, `onLeft` is called. */
  hold(listener: () => void, lingerMs: number, onLeft: () => void): () => void {
    // A function of its own, so that the same listener may watch twice.
    const run = (): void => callListener(listener, undefined)
    this.listeners.add(run)
    clearTimeout(this.#lingering)
    return () => {
      if (!this.listeners.delete(run) || this.listeners.size > 0) return
      this.#lingering = setTimeout(onLeft, lingerMs)
    }
  }

  /** It was refused; where asking again may help, `retry` is called after a while. */
  fail(code: ErrorCode, retryMs: number, retry: () => void): void {
    const { model, operation } = this.query
    this.#error = refusedError(code, `${model}.${operation}`)
    clearTimeout(this.#retrying)
    if (isRetryable(code)) this.#retrying = setTimeout(retry, retryMs)
  }

  recover(): void {
    this.#error = undefined
  }

  /** Nobody is told anything any more. */
  end(): void {
    clearTimeout(this.#lingering)
    clearTimeout(this.#retrying)
  }
}
