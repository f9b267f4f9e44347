import { decodeFrame, type ErrorCode, type Frame, type QueryId, type SseBlock } from '@zenstack-live/protocol'
import { commitBatch } from './commit-batch.ts'
import type { ChangeEvent, ConnectionView } from './connection-view.ts'
import { EventStream } from './event-stream.ts'
import type { Asked } from './connection.ts'
import { discontinue, resetAll, takePart, takeReady, type Inbox } from './inbox.ts'
import type { ClientLimits } from './limits.ts'
import { endOf, endOfAnswer, type StreamEnd } from './stream-end.ts'

export interface LiveStreamOwner {
  /** The stream's view differs, or its batch is whole. */
  delivered(stream: LiveStream, events?: readonly ChangeEvent[]): void
  /** The server ended one of its queries. */
  refused(query: QueryId, code: ErrorCode): void
  ended(stream: LiveStream, end: StreamEnd): void
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
  /** When its first batch was whole. Some of its queries may still be opening. */
  firstBatchAt: number | undefined

  readonly #owner: LiveStreamOwner
  /** How many changes of each query wait for the end of their batch. */
  readonly #kept = new Map<QueryId, number>()
  #position: string | undefined

  constructor(limits: ClientLimits, owner: LiveStreamOwner, { request, ids, inherited }: Asked) {
    super(limits, request)
    this.#owner = owner
    this.ids = ids
    this.inherited = this.view = inherited
  }

  protected override onBlock(block: SseBlock): void {
    if (block.data === undefined) return this.#onBatchEnd(block)
    const frame = decodeFrame(block.event, block.data)
    // Newer events say nothing to this version.
    if (frame !== undefined) this.#take(frame)
  }

  protected override onAnswer(response: Response): Promise<StreamEnd> {
    return endOfAnswer(response)
  }

  protected override onEnd(end: StreamEnd): void {
    this.#owner.ended(this, end)
  }

  /** Changes wait for the end of their batch. */
  #take(frame: Frame): void {
    switch (frame.event) {
      case 'snapshot':
        return takePart(this, frame)
      case 'ready':
        takeReady(this, frame)
        return this.#owner.delivered(this)
      case 'change':
      case 'changes':
        return this.#keep(frame)
      case 'reset':
        if (frame.q === undefined) resetAll(this)
        else {
          discontinue(this, frame.q)
          this.#kept.delete(frame.q)
        }
        return this.#owner.delivered(this)
      case 'auth-expired':
        return this.end({ kind: 'auth-expired' })
      case 'error':
        if (frame.q === undefined) return this.end(endOf(frame.code))
        discontinue(this, frame.q)
        this.failed.add(frame.q)
        return this.#owner.refused(frame.q, frame.code)
      default:
      // Of `bye`, the stream's end and its `retry` say all.
    }
  }

  #keep(frame: Inbox['buffer'][number]): void {
    const { maxBufferedFrames } = this.limits
    // The batch before it ended, or all of this one was taken back.
    if (this.buffer.push(frame) === 1) this.#kept.clear()
    const kept = (this.#kept.get(frame.q) ?? 0) + 1
    this.#kept.set(frame.q, kept)
    // A broken server may name queries that nobody asked for.
    if (kept > maxBufferedFrames || this.buffer.length > maxBufferedFrames * this.ids.size) this.end()
  }

  #onBatchEnd({ lastEventId, retryMs }: SseBlock): void {
    // A block that only says when to come back repeats the id of the one before.
    if (lastEventId === undefined || (retryMs !== undefined && lastEventId === this.#position)) return
    this.#position = lastEventId
    const events = commitBatch(this, lastEventId)
    if (this.firstBatchAt === undefined) {
      this.firstBatchAt = Date.now()
      this.follow()
    }
    this.#owner.delivered(this, events)
  }
}
