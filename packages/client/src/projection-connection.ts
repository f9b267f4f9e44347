import { LiveError, type ErrorCode } from '@zenstack-live/protocol'
import type { ConnectionEvent, ConnectionState } from './connection-machine.ts'
import { isRetryable, type LiveStreamEnd, type LiveStreamOptions } from './live-stream.ts'
import { MachineRunner, type MachineOptions } from './machine-runner.ts'
import { shareStructure } from './share-structure.ts'
import { ProjectionStream, type ProjectionState, type ProjectionStreamOwner } from './projection-stream.ts'

/** What a projection's connection needs from the one who keeps it. */
export interface ProjectionHost {
  isWanted(): boolean
  /** What is shown, or how current it is, may differ now. */
  moved(): void
  refresh(): Promise<boolean>
  /** The state, asked for once without a stream. @throws {LiveError} when it is refused */
  read(): Promise<unknown>
}

const UNKNOWN_POSITION = -1

/** Drives the connection machine for one projection: the same states, timers and rules as for queries, on a stream of its own. */
export class ProjectionConnection implements ProjectionStreamOwner {
  readonly #options: LiveStreamOptions & MachineOptions
  readonly #host: ProjectionHost
  readonly #machine: MachineRunner
  readonly #url: string
  #shown: ProjectionState | undefined
  #lastEventId: string | undefined
  #current: ProjectionStream | undefined
  #next: ProjectionStream | undefined
  #isFollowed = false

  constructor(options: LiveStreamOptions & MachineOptions, url: string, host: ProjectionHost) {
    this.#options = options
    this.#host = host
    this.#url = url
    this.#machine = new MachineRunner(options, {
      hasDemand: () => host.isWanted(),
      openCurrent: () => {
        this.#current = this.#open()
      },
      openNext: () => {
        this.#next = this.#open()
      },
      closeCurrent: () => this.#replaceCurrent(undefined),
      closeNext: () => {
        this.#next?.close()
        this.#next = undefined
      },
      promote: () => {
        this.#replaceCurrent(this.#next)
        this.#next = undefined
      },
      refresh: () => host.refresh(),
      poll: () => this.#poll(),
      stepped: () => host.moved(),
    })
  }

  get state(): ConnectionState {
    return this.#machine.state
  }

  get shown(): ProjectionState | undefined {
    return this.#shown
  }

  /** Whether a stream brings what is shown. */
  get isFollowed(): boolean {
    return this.#isFollowed
  }

  quietMs(): number {
    return this.#current === undefined ? 0 : Date.now() - this.#current.lastByteAt
  }

  dispatch(event: ConnectionEvent): void {
    this.#machine.dispatch(event)
  }

  forget(): void {
    this.#shown = undefined
    this.#lastEventId = undefined
    this.#isFollowed = false
  }

  delivered(stream: ProjectionStream): void {
    if (!this.#isCaughtUp(stream)) return
    this.#shown = stream.held
    this.#lastEventId = stream.lastEventId
    this.#isFollowed = true
    if (stream === this.#next) this.dispatch({ kind: 'next-caught-up' })
    else if (this.state.kind === 'connecting') this.dispatch({ kind: 'caught-up' })
    else this.#host.moved()
  }

  ended(stream: ProjectionStream, end: LiveStreamEnd): void {
    if (stream.lastEventId === undefined) this.#lastEventId = undefined
    if (end.kind === 'auth-expired' || (end.kind === 'refused' && (end.code === 'unauthenticated' || end.code === 'auth_expired')))
      return this.dispatch({ kind: 'auth-expired' })
    if (end.kind === 'refused' && !end.isRetryable && !isRetryable(end.code)) {
      // What it showed is no longer theirs to see.
      if (end.code === 'forbidden') this.forget()
      return this.dispatch({ kind: 'refused', code: end.code })
    }
    const retryMs = 'retryMs' in end ? end.retryMs : undefined
    if (stream === this.#next) return this.dispatch({ kind: 'next-lost', retryMs })
    this.dispatch({ kind: 'lost', retryMs, isSilent: end.kind === 'silent', isStreamless: end.kind === 'streamless' })
  }

  /** A successor began with what was shown then; nobody is taken back to it. */
  #isCaughtUp({ held, hasSnapshot }: ProjectionStream): boolean {
    return held !== undefined && (hasSnapshot || this.#shown === undefined || held.position >= this.#shown.position)
  }

  #open(): ProjectionStream {
    const stream = new ProjectionStream(this.#options, this, { held: this.#shown, lastEventId: this.#lastEventId })
    void stream.open(this.#url)
    return stream
  }

  #replaceCurrent(stream: ProjectionStream | undefined): void {
    this.#current?.close()
    this.#current = stream
    this.#isFollowed = stream !== undefined && stream.held !== undefined && stream.held === this.#shown
  }

  async #poll(): Promise<ErrorCode | undefined> {
    try {
      const state = shareStructure(this.#shown?.state, await this.#host.read())
      // Streams know nothing of where an answer stands: the next one begins with a snapshot.
      this.#shown = { state, position: UNKNOWN_POSITION }
      this.#lastEventId = undefined
    } catch (error) {
      if (!(error instanceof LiveError) || isRetryable(error.code)) return undefined
      if (error.code === 'forbidden') this.forget()
      return error.code === 'auth_expired' ? 'unauthenticated' : error.code
    }
    this.#host.moved()
    return undefined
  }
}
