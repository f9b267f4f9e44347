import { decodeFrame, type ErrorCode, type LiveRequestBody, type QueryId, type SseBlock } from '@zenstack-live/protocol'
import { ConnectionInbox, type ConnectionView, type Delivery } from './connection-view.ts'
import { EventStream, type StreamOptions } from './event-stream.ts'
import { endOf, type StreamEnd } from './stream-end.ts'

export interface LiveStreamOwner {
  delivered(stream: LiveStream, delivery: Delivery, isBatchEnd: boolean): void
  queryRefused(stream: LiveStream, query: QueryId, code: ErrorCode): void
  ended(stream: LiveStream, end: StreamEnd): void
}

/** One stream of many queries, with a view of its own. */
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

  readonly #inbox: ConnectionInbox
  readonly #events: EventStream
  readonly #owner: LiveStreamOwner
  readonly #maxBufferedFrames: number
  #position: string | undefined

  constructor(options: StreamOptions, owner: LiveStreamOwner, ids: ReadonlySet<QueryId>, inherited: ConnectionView) {
    this.#owner = owner
    this.#maxBufferedFrames = options.limits.maxBufferedFrames
    this.ids = ids
    this.inherited = inherited
    this.#inbox = new ConnectionInbox(inherited)
    this.#events = new EventStream(options, { onBlock: (block) => this.#onBlock(block), onEnd: (end) => owner.ended(this, end) })
  }

  get view(): ConnectionView {
    return this.#inbox.view
  }

  get lastByteAt(): number {
    return this.#events.lastByteAt
  }

  /** Takes over from another stream: see {@link ConnectionInbox.share}. */
  share(shown: ConnectionView): void {
    this.#inbox.share(shown)
  }

  open(endpoint: string, body: LiveRequestBody): void {
    void this.#events.open(endpoint, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  }

  close(): void {
    this.#events.close()
  }

  #onBlock({ event, data, lastEventId, retryMs }: SseBlock): void {
    if (data !== undefined) return this.#onFrame(event, data)
    // A block that only says when to come back repeats the id of the one before.
    if (lastEventId === undefined || (retryMs !== undefined && lastEventId === this.#position)) return
    this.#position = lastEventId
    const delivery = this.#inbox.commit(lastEventId)
    if (this.firstBatchAt === undefined) {
      this.firstBatchAt = Date.now()
      this.#events.follow()
    }
    this.#owner.delivered(this, delivery, true)
  }

  #onFrame(event: string, data: string): void {
    const frame = decodeFrame(event, data)
    if (frame?.event === 'auth-expired') return this.#events.end({ kind: 'auth-expired' })
    if (frame?.event === 'error') {
      if (frame.q === undefined) return this.#events.end(endOf(frame.code))
      this.#inbox.forget(frame.q)
      this.failed.add(frame.q)
      return this.#owner.queryRefused(this, frame.q, frame.code)
    }
    // Newer events say nothing to this version; of `bye`, the stream's end and its `retry` say all.
    const delivery = frame && this.#inbox.take(frame)
    if (this.#inbox.bufferedFrames > this.#maxBufferedFrames) return this.#events.end()
    if (delivery !== undefined && delivery.changed.size > 0) this.#owner.delivered(this, delivery, false)
  }
}
