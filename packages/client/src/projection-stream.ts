import { decodeProjectionFrame, type ProjectionStreamFrame, type SseBlock } from '@zenstack-live/protocol'
import { applyJsonPatch } from './apply-json-patch.ts'
import { endOf, endOfAnswer, EventStream, shareStructure } from './later.ts'
import type { ClientLimits } from './limits.ts'
import type { OpenRequest } from './open-request.ts'
import type { StreamEnd } from './stream-end.ts'

/** A projection's state, and where it stands. */
export interface ProjectionState {
  readonly state: unknown
  readonly position: number
}

export interface ProjectionStreamOwner {
  /** The stream is there: its position holds, or it brought a frame. */
  delivered(stream: ProjectionStream): void
  ended(stream: ProjectionStream, end: StreamEnd): void
}

/** One `GET` of one projection. Like every stream it has a state of its own, to which its frames are applied. */
export class ProjectionStream extends EventStream {
  /** Whether a snapshot of its own made good whatever it began with. */
  hasSnapshot = false
  readonly #owner: ProjectionStreamOwner
  #held: ProjectionState | undefined
  #lastEventId: string | undefined

  constructor(
    limits: ClientLimits,
    request: OpenRequest,
    owner: ProjectionStreamOwner,
    inherited: { held: ProjectionState | undefined; lastEventId: string | undefined },
  ) {
    super(limits, request)
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

  protected override onBlock({ event, data, lastEventId }: SseBlock): void {
    const frame = data === undefined ? undefined : decodeProjectionFrame(event, data)
    if (frame !== undefined && !this.#take(frame)) return
    if (lastEventId !== undefined) this.#lastEventId = lastEventId
    // A newer server's events move the position on, but say nothing.
    if (this.#held === undefined || lastEventId === undefined) return
    this.follow()
    this.#owner.delivered(this)
  }

  protected override onAnswer(response: Response): Promise<StreamEnd> {
    return endOfAnswer(response)
  }

  protected override onEnd(end: StreamEnd): void {
    this.#owner.ended(this, end)
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
    if (frame.event === 'error') this.end(endOf(frame.code))
    else if (frame.event === 'auth-expired') this.end({ kind: 'auth-expired' })
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
    this.end({ kind: 'lost' })
    return false
  }
}
