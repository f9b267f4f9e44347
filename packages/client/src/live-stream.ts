import type { ErrorCode, Frame, LiveRequestBody, QueryId } from '@zenstack-live/protocol'
import { ConnectionInbox, type ConnectionView, type Delivery } from './connection-view.ts'
import { frameReader, readEventStream, type StreamEnd } from './event-stream.ts'
import type { LiveFetch } from './live-fetch.ts'
import type { ClientLimits } from './limits.ts'

export interface LiveStreamOptions {
  readonly endpoint: string
  readonly fetch: LiveFetch
  readonly headers: () => Promise<Record<string, string>>
  readonly credentials: RequestCredentials | undefined
  readonly limits: ClientLimits
}

/** How a stream ended, as its owner has to answer it. */
export type LiveStreamEnd = StreamEnd | { readonly kind: 'silent' } | { readonly kind: 'auth-expired' }

export interface LiveStreamOwner {
  delivered(stream: LiveStream, delivery: Delivery, isBatchEnd: boolean): void
  queryRefused(stream: LiveStream, query: QueryId, code: ErrorCode): void
  ended(stream: LiveStream, end: LiveStreamEnd): void
}

/** One request and what it brings. Watches over its own silence, and tells its owner exactly once how it ended. */
export class LiveStream {
  /** The queries it was opened with. */
  readonly ids: ReadonlySet<QueryId>
  /** What was shown of each query when it was opened: what it has to pass if that moves on meanwhile. */
  readonly inherited: ConnectionView
  /** Queries that nobody showed before it did, while it was not leading. */
  readonly grafted = new Set<QueryId>()
  /** Queries the server ended on this stream. */
  readonly failed = new Set<QueryId>()
  /** When its first batch was whole. Some of its queries may still be opening. */
  firstBatchAt: number | undefined
  lastByteAt = Date.now()

  readonly #inbox: ConnectionInbox
  readonly #controller = new AbortController()
  readonly #options: LiveStreamOptions
  readonly #owner: LiveStreamOwner
  #watchdog: ReturnType<typeof setTimeout> | undefined
  #isOpen = false
  #hasBytes = false
  #hasEnded = false

  constructor(options: LiveStreamOptions, owner: LiveStreamOwner, ids: ReadonlySet<QueryId>, inherited: ConnectionView) {
    this.#options = options
    this.#owner = owner
    this.ids = ids
    this.inherited = inherited
    this.#inbox = new ConnectionInbox(inherited)
  }

  get view(): ConnectionView {
    return this.#inbox.view
  }

  /** Takes over from another stream: see {@link ConnectionInbox.share}. */
  share(shown: ConnectionView): void {
    this.#inbox.share(shown)
  }

  async open(body: LiveRequestBody): Promise<void> {
    this.#watch(this.#options.limits.openTimeoutMs)
    const { endpoint, fetch, credentials } = this.#options
    let headers: Record<string, string>
    try {
      headers = await this.#options.headers()
    } catch {
      this.#end({ kind: 'ended', retryMs: undefined })
      return
    }
    if (this.#hasEnded) return
    const request = { url: endpoint, body, fetch, headers, credentials, signal: this.#controller.signal }
    const end = await readEventStream(request, {
      onOpen: () => {
        this.#isOpen = true
      },
      onBytes: () => this.#sawBytes(),
      onBlock: frameReader({ onFrame: (frame) => this.#onFrame(frame), onBatchEnd: (position) => this.#onBatchEnd(position) }),
    })
    this.#end(end)
  }

  close(): void {
    this.#hasEnded = true
    clearTimeout(this.#watchdog)
    this.#controller.abort()
  }

  #sawBytes(): void {
    this.#hasBytes = true
    this.lastByteAt = Date.now()
    this.#watch(this.firstBatchAt === undefined ? this.#options.limits.openTimeoutMs : this.#options.limits.silenceMs)
  }

  #watch(ms: number): void {
    clearTimeout(this.#watchdog)
    if (this.#hasEnded) return
    // Accepted, but not one byte, not even the heartbeat: something between here and the server holds the stream back.
    this.#watchdog = setTimeout(() => this.#end(this.#isOpen && !this.#hasBytes ? { kind: 'silent' } : { kind: 'ended', retryMs: undefined }), ms)
  }

  #onFrame(frame: Frame): void {
    if (this.#hasEnded) return
    if (frame.event === 'error') {
      if (frame.q === undefined) return this.#end({ kind: 'refused', code: frame.code, isRetryable: isRetryable(frame.code), retryMs: undefined })
      this.#inbox.forget(frame.q)
      this.failed.add(frame.q)
      return this.#owner.queryRefused(this, frame.q, frame.code)
    }
    if (frame.event === 'auth-expired') return this.#end({ kind: 'auth-expired' })
    // The `retry` of the stream came before; the server is about to end it anyway.
    if (frame.event === 'bye') return
    const delivery = this.#inbox.take(frame)
    if (this.#inbox.bufferedFrames > this.#options.limits.maxBufferedFrames) return this.#end({ kind: 'ended', retryMs: undefined })
    if (delivery.changed.size > 0) this.#owner.delivered(this, delivery, false)
  }

  #onBatchEnd(position: string): void {
    if (this.#hasEnded) return
    const delivery = this.#inbox.commit(position)
    if (this.firstBatchAt === undefined) {
      this.firstBatchAt = Date.now()
      this.#watch(this.#options.limits.silenceMs)
    }
    this.#owner.delivered(this, delivery, true)
  }

  #end(end: LiveStreamEnd): void {
    if (this.#hasEnded) return
    this.close()
    this.#owner.ended(this, end)
  }
}

const RETRYABLE_CODES: Partial<Record<ErrorCode, true>> = {
  too_many_queries: true,
  overloaded: true,
  database_unavailable: true,
  log_unavailable: true,
  capture_unavailable: true,
  log_recreated: true,
  log_lost_tail: true,
  reader_fenced: true,
  internal: true,
}

/** Whether asking again later may help: the table of codes in short, without its sentences. */
export function isRetryable(code: ErrorCode): boolean {
  return RETRYABLE_CODES[code] === true
}
