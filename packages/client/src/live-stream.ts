import { decodeFrame, type ErrorCode, type LiveRequestBody, type QueryId, type SseBlock } from '@zenstack-live/protocol'
import type { ChangeEvent, ConnectionView } from './connection-view.ts'
import { EventStream, type StreamOptions } from './event-stream.ts'
import { commitBatch, takePart, takeReady, type Inbox } from './inbox.ts'
import type { LaterCode } from './load-later.ts'
import type { StreamEnd } from './stream-end.ts'

export interface LiveStreamOwner {
  /** Loaded beside the first results. */
  readonly later: LaterCode | undefined
  /** The stream's view differs, or its batch is whole. */
  delivered(stream: LiveStream, events?: readonly ChangeEvent[]): void
  ended(stream: LiveStream, end: StreamEnd): void
  /** The set of wanted queries may have changed. */
  review(): void
  readonly host: {
    /** Resolves when the later code is there. */
    whenLater(): Promise<LaterCode>
    /** What is derived from the stream's state may differ. */
    moved(): void
    refused(query: QueryId, code: ErrorCode): void
  }
}

/** One stream of many queries, with a view of its own. */
export class LiveStream extends EventStream implements Inbox {
  view: ConnectionView
  buffer: Inbox['buffer'] = []
  readonly parts: Inbox['parts'] = new Map()
  readonly readyAt: Inbox['readyAt'] = new Map()
  /** The queries it was opened with. */
  readonly ids: ReadonlySet<QueryId>
  /** What was shown of each query when it was opened: what it has to pass if that moves on meanwhile. */
  readonly inherited: ConnectionView
  /** Queries that nobody showed before it did, while it was not leading. */
  readonly grafted = new Set<QueryId>()
  /** Queries the server ended on this stream. */
  readonly failed = new Set<QueryId>()
  /** Something arrived that only the later code can take: until its batch is whole, what this stream brought is not current. */
  isWaiting = false
  /** When its first batch was whole. Some of its queries may still be opening. */
  firstBatchAt: number | undefined

  readonly #owner: LiveStreamOwner
  #position: string | undefined

  constructor(options: StreamOptions, owner: LiveStreamOwner, ids: ReadonlySet<QueryId>, inherited: ConnectionView) {
    super(options)
    this.#owner = owner
    this.ids = ids
    this.inherited = this.view = inherited
  }

  open(endpoint: string, body: LiveRequestBody): void {
    void this.request(endpoint, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  }

  /**
   * Its view differs now.
   *
   * @param events - at the end of a batch, what happened in it
   */
  delivered(events?: readonly ChangeEvent[]): void {
    this.#owner.delivered(this, events)
  }

  /** The server ended one of its queries. */
  refused(query: QueryId, code: ErrorCode): void {
    this.failed.add(query)
    this.#owner.host.refused(query, code)
    this.#owner.review()
  }

  protected override onBlock(block: SseBlock): Promise<unknown> | undefined {
    const { later } = this.#owner
    const frame = block.data === undefined ? undefined : decodeFrame(block.event, block.data)
    if (block.data === undefined) this.#onBatchEnd(block)
    else if (frame?.event === 'ready') {
      takeReady(this, frame, later)
      this.delivered()
    } else if (frame?.event === 'snapshot' && (later !== undefined || this.view.queries.get(frame.q)?.result === undefined)) takePart(this, frame)
    // More than first results. Newer events say nothing to this version.
    else if (frame !== undefined) {
      if (later === undefined) return this.#waitForLater()
      later.takeLater(this, frame)
    }
    return undefined
  }

  protected override async onAnswer(response: Response): Promise<StreamEnd> {
    return (this.#owner.later ?? (await this.#waitForLater())).endOfAnswer(response)
  }

  protected override onEnd(end: StreamEnd): void {
    this.#owner.ended(this, end)
  }

  #waitForLater(): Promise<LaterCode> {
    this.isWaiting = true
    this.#owner.host.moved()
    return this.#owner.host.whenLater()
  }

  #onBatchEnd({ lastEventId, retryMs }: SseBlock): void {
    // A block that only says when to come back repeats the id of the one before.
    if (lastEventId === undefined || (retryMs !== undefined && lastEventId === this.#position)) return
    this.#position = lastEventId
    const events = commitBatch(this, lastEventId, this.#owner.later)
    const wasWaiting = this.isWaiting
    this.isWaiting = false
    if (this.firstBatchAt === undefined) {
      this.firstBatchAt = Date.now()
      this.follow()
    }
    this.delivered(events)
    if (wasWaiting) this.#owner.host.moved()
  }
}
