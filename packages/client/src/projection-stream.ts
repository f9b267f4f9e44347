import { decodeProjectionFrame, type ErrorCode, type ProjectionStreamFrame, type SseBlock } from '@zenstack-live/protocol'
import { applyJsonPatch } from './apply-json-patch.ts'
import { readEventStream } from './event-stream.ts'
import { isRetryable, type LiveStreamEnd, type LiveStreamOptions } from './live-stream.ts'
import { shareStructure } from './share-structure.ts'

/** A projection's state, and where it stands. */
export interface ProjectionState {
  readonly state: unknown
  readonly position: number
}

export interface ProjectionStreamOwner {
  /** The stream is there: its position holds, or it brought a frame. */
  delivered(stream: ProjectionStream): void
  ended(stream: ProjectionStream, end: LiveStreamEnd): void
}

/** One `GET` of one projection. Like every stream it has a state of its own, to which its frames are applied. */
export class ProjectionStream {
  /** Whether a snapshot of its own made good whatever it began with. */
  hasSnapshot = false
  lastByteAt = Date.now()
  readonly #options: LiveStreamOptions
  readonly #owner: ProjectionStreamOwner
  readonly #controller = new AbortController()
  #held: ProjectionState | undefined
  #lastEventId: string | undefined
  #watchdog: ReturnType<typeof setTimeout> | undefined
  #isOpen = false
  #hasBytes = false
  #isFollowing = false
  #hasEnded = false

  constructor(
    options: LiveStreamOptions,
    owner: ProjectionStreamOwner,
    inherited: { held: ProjectionState | undefined; lastEventId: string | undefined },
  ) {
    this.#options = options
    this.#owner = owner
    this.#held = inherited.held
    this.#lastEventId = inherited.lastEventId
  }

  get held(): ProjectionState | undefined {
    return this.#held
  }

  /** Resumes after what it holds. */
  get lastEventId(): string | undefined {
    return this.#lastEventId
  }

  async open(url: string): Promise<void> {
    const { fetch, credentials, limits } = this.#options
    this.#watch(limits.openTimeoutMs)
    let headers: Record<string, string>
    try {
      headers = await this.#options.headers()
    } catch {
      return this.#end({ kind: 'ended', retryMs: undefined })
    }
    if (this.#hasEnded) return
    if (this.#lastEventId !== undefined) headers = { ...headers, 'last-event-id': this.#lastEventId }
    const request = { url, fetch, headers, credentials, signal: this.#controller.signal }
    const end = await readEventStream(request, {
      onOpen: () => {
        this.#isOpen = true
      },
      onBytes: () => {
        this.#hasBytes = true
        this.lastByteAt = Date.now()
        this.#watch(this.#isFollowing ? limits.silenceMs : limits.openTimeoutMs)
      },
      onBlock: (block) => this.#onBlock(block),
    })
    this.#end(end)
  }

  close(): void {
    this.#hasEnded = true
    clearTimeout(this.#watchdog)
    this.#controller.abort()
  }

  #watch(ms: number): void {
    clearTimeout(this.#watchdog)
    if (this.#hasEnded) return
    this.#watchdog = setTimeout(() => this.#end(this.#isOpen && !this.#hasBytes ? { kind: 'silent' } : { kind: 'ended', retryMs: undefined }), ms)
  }

  #onBlock({ event, data, lastEventId }: SseBlock): void {
    if (this.#hasEnded) return
    const frame = data === undefined ? undefined : decodeProjectionFrame(event, data)
    if (frame !== undefined && !this.#take(frame)) return
    if (lastEventId !== undefined) this.#lastEventId = lastEventId
    // A newer server's events move the position on, but say nothing.
    if (this.#held === undefined || lastEventId === undefined) return
    this.#isFollowing = true
    this.#owner.delivered(this)
  }

  /** @returns whether the state is now that of the frame's position */
  #take(frame: ProjectionStreamFrame): boolean {
    if (frame.event === 'patch') return this.#patch(frame)
    if (frame.event === 'snapshot') {
      this.hasSnapshot = true
      this.#held = { state: shareStructure(this.#held?.state, frame.state), position: frame.position }
      return true
    }
    // After `bye` the server is about to end the stream; its `retry` came before.
    if (frame.event === 'error') this.#end(endOf(frame.code))
    else if (frame.event === 'auth-expired') this.#end({ kind: 'auth-expired' })
    return false
  }

  #patch({ from, to, patch }: Extract<ProjectionStreamFrame, { event: 'patch' }>): boolean {
    const held = this.#held
    if (held?.position === from) {
      try {
        this.#held = { state: applyJsonPatch(held.state, patch), position: to }
        return true
      } catch {
        // A patch that fits no state is worth as little as one for another.
      }
    }
    // Neither of the two should ever be; a snapshot mends both.
    this.#lastEventId = undefined
    this.#end({ kind: 'ended', retryMs: 0 })
    return false
  }

  #end(end: LiveStreamEnd): void {
    if (this.#hasEnded) return
    this.close()
    this.#owner.ended(this, end)
  }
}

function endOf(code: ErrorCode): LiveStreamEnd {
  return { kind: 'refused', code, isRetryable: isRetryable(code), retryMs: undefined }
}
