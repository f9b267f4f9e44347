import { LiveError } from '@zenstack-live/protocol'
import type { ConnectionEvent } from './connection-machine.ts'
import type { Held } from './hold.ts'
import type { LiveFetch } from './live-fetch.ts'
import { IDLE_STATE, type LiveState } from './live-state.ts'
import { endOf, MachineRunner, shareStructure } from './later.ts'
import type { MachineOptions } from './machine-runner.ts'
import { openRequest } from './open-request.ts'
import type { StreamEnd } from './stream-end.ts'
import { ProjectionStream, type ProjectionState, type ProjectionStreamOwner } from './projection-stream.ts'

/** What a projection's connection needs from the one who keeps it. */
export interface ProjectionHost {
  isWanted(projection: ProjectionConnection): boolean
  /** What is shown, or how current it is, may differ now. */
  moved(projection: ProjectionConnection): void
  refresh(): Promise<ConnectionEvent>
  /** The state, asked for once without a stream. @throws {LiveError} when it is refused */
  readOnce(projection: ProjectionConnection, signal: AbortSignal): Promise<unknown>
}

export interface ProjectionOptions extends MachineOptions {
  readonly fetch: LiveFetch
}

const UNKNOWN_POSITION = -1

/** A projection that somebody watches, or watched a moment ago. Drives the connection machine for it: the same states, timers and rules as for queries, on a stream of its own. */
export class ProjectionConnection extends MachineRunner<ProjectionStream> implements ProjectionStreamOwner, Held {
  /** Who watches it, and what they were told last. */
  readonly listeners = new Set<() => void>()
  told: LiveState<unknown> = IDLE_STATE
  syncedAt: number | undefined
  lingering: ReturnType<typeof setTimeout> | undefined
  /** Where it is read. */
  readonly url: string
  readonly #options: ProjectionOptions
  readonly #host: ProjectionHost
  #shown: ProjectionState | undefined
  #lastEventId: string | undefined
  #isFollowed = false

  constructor(options: ProjectionOptions, url: string, host: ProjectionHost) {
    super(options)
    this.#options = options
    this.#host = host
    this.url = url
  }

  get shown(): ProjectionState | undefined {
    return this.#shown
  }

  /** Whether a stream brings what is shown. */
  get isFollowed(): boolean {
    return this.#isFollowed
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
    if (stream === this.streams.next) this.dispatch({ kind: 'next-caught-up' })
    else if (this.kind === 'connecting') this.dispatch({ kind: 'caught-up' })
    else this.#host.moved(this)
  }

  ended(stream: ProjectionStream, end: StreamEnd): void {
    if (stream.lastEventId === undefined) this.#lastEventId = undefined
    // What it showed is no longer theirs to see.
    if (end.kind === 'refused' && end.code === 'forbidden') this.forget()
    this.dispatch(stream === this.streams.next && end.kind === 'lost' ? { ...end, kind: 'next-lost' } : end)
  }

  /** A successor began with what was shown then; nobody is taken back to it. */
  #isCaughtUp({ held, hasSnapshot }: ProjectionStream): boolean {
    return held !== undefined && (hasSnapshot || this.#shown === undefined || held.position >= this.#shown.position)
  }

  protected override open(): ProjectionStream {
    const { fetch, limits } = this.#options
    const lastEventId = this.#lastEventId
    const request = openRequest(fetch, this.url, lastEventId === undefined ? {} : { headers: { 'last-event-id': lastEventId } })
    return new ProjectionStream(limits, request, this, { held: this.#shown, lastEventId })
  }

  protected override hasDemand(): boolean {
    return this.#host.isWanted(this)
  }

  protected override onReplace(by: ProjectionStream | undefined): void {
    this.#isFollowed = by?.held !== undefined && by.held === this.#shown
  }

  protected override onStep(): void {
    this.#host.moved(this)
  }

  protected override refresh(): Promise<ConnectionEvent> {
    return this.#host.refresh()
  }

  protected override async poll(signal: AbortSignal): Promise<ConnectionEvent> {
    try {
      const read = await this.#host.readOnce(this, signal)
      // All was forgotten meanwhile, or a stream is tried again.
      if (signal.aborted) return { kind: 'polled' }
      const state = shareStructure(this.#shown?.state, read)
      // Streams know nothing of where an answer stands: the next one begins with a snapshot.
      this.#shown = { state, position: UNKNOWN_POSITION }
      this.#lastEventId = undefined
    } catch (error) {
      const end = error instanceof LiveError && !signal.aborted ? endOf(error.code) : undefined
      if (end === undefined || end.kind === 'lost') return { kind: 'polled' }
      if (end.kind === 'refused' && end.code === 'forbidden') this.forget()
      return end
    }
    this.#host.moved(this)
    return { kind: 'polled' }
  }
}
