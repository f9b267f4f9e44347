import { LiveError } from '@zenstack-live/protocol'
import type { ConnectionEvent, ConnectionState } from './connection-machine.ts'
import type { StreamOptions } from './event-stream.ts'
import { MachineRunner, type MachineOptions } from './machine-runner.ts'
import { shareStructure } from './share-structure.ts'
import { endOf, type StreamEnd } from './stream-end.ts'
import { ProjectionStream, type ProjectionState, type ProjectionStreamOwner } from './projection-stream.ts'

/** What a projection's connection needs from the one who keeps it. */
export interface ProjectionHost {
  isWanted(): boolean
  /** What is shown, or how current it is, may differ now. */
  moved(): void
  refresh(): Promise<ConnectionEvent>
  /** The state, asked for once without a stream. @throws {LiveError} when it is refused */
  read(): Promise<unknown>
}

const UNKNOWN_POSITION = -1

/** Drives the connection machine for one projection: the same states, timers and rules as for queries, on a stream of its own. */
export class ProjectionConnection implements ProjectionStreamOwner {
  readonly #options: StreamOptions & MachineOptions
  readonly #host: ProjectionHost
  readonly #machine: MachineRunner
  readonly #url: string
  #shown: ProjectionState | undefined
  #lastEventId: string | undefined
  #current: ProjectionStream | undefined
  #next: ProjectionStream | undefined
  #isFollowed = false
  /** Another one when all is forgotten: what was asked before is not shown. */
  #memory = {}

  constructor(options: StreamOptions & MachineOptions, url: string, host: ProjectionHost) {
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
    this.#memory = {}
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

  ended(stream: ProjectionStream, end: StreamEnd): void {
    if (stream.lastEventId === undefined) this.#lastEventId = undefined
    // What it showed is no longer theirs to see.
    if (end.kind === 'refused' && end.code === 'forbidden') this.forget()
    this.dispatch(stream === this.#next && end.kind === 'lost' ? { ...end, kind: 'next-lost' } : end)
  }

  /** A successor began with what was shown then; nobody is taken back to it. */
  #isCaughtUp({ held, hasSnapshot }: ProjectionStream): boolean {
    return held !== undefined && (hasSnapshot || this.#shown === undefined || held.position >= this.#shown.position)
  }

  #open(): ProjectionStream {
    const stream = new ProjectionStream(this.#options, this, { held: this.#shown, lastEventId: this.#lastEventId })
    stream.open(this.#url)
    return stream
  }

  #replaceCurrent(stream: ProjectionStream | undefined): void {
    this.#current?.close()
    this.#current = stream
    this.#isFollowed = stream !== undefined && stream.held !== undefined && stream.held === this.#shown
  }

  async #poll(): Promise<ConnectionEvent> {
    const memory = this.#memory
    try {
      const read = await this.#host.read()
      if (memory !== this.#memory) return { kind: 'polled' }
      const state = shareStructure(this.#shown?.state, read)
      // Streams know nothing of where an answer stands: the next one begins with a snapshot.
      this.#shown = { state, position: UNKNOWN_POSITION }
      this.#lastEventId = undefined
    } catch (error) {
      const end = error instanceof LiveError && memory === this.#memory ? endOf(error.code) : undefined
      if (end === undefined || end.kind === 'lost') return { kind: 'polled' }
      if (end.kind === 'refused' && end.code === 'forbidden') this.forget()
      return end
    }
    this.#host.moved()
    return { kind: 'polled' }
  }
}
