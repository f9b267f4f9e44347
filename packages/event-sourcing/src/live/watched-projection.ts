import { diffJson } from './json-patch.ts'
import type { ProjectionFrame } from './live-projection-source.ts'

type PatchFrame<State> = Extract<ProjectionFrame<State>, { kind: 'patch' }>

/** One watcher's queue: frames, or the mark that it fell behind. */
export interface Watcher<State> {
  /** The next frame; `undefined` when the watcher was closed. */
  next(): Promise<ProjectionFrame<State> | undefined>
  close(error?: unknown): void
}

export interface WatchedLimits {
  readonly maxKeptPatches: number
  readonly maxQueuedFrames: number
}

/** The state of one projection id, and all who watch it. Each change is diffed once. */
export interface WatchedProjection<State> {
  readonly state: State
  readonly position: number
  readonly watcherCount: number
  publish(state: State, position: number): void
  /** A watcher of everything published from now on. */
  addWatcher(): Watcher<State>
  /** The kept frames from a position on; `undefined` when they are not all there any more. */
  framesSince(position: number): readonly ProjectionFrame<State>[] | undefined
  close(error?: unknown): void
}

export function createWatchedProjection<State>(initial: { state: State; position: number }, limits: WatchedLimits): WatchedProjection<State> {
  let { state, position } = initial
  let kept: PatchFrame<State>[] = []
  let closed: { error: unknown } | undefined
  const queues = new Set<FrameQueue<State>>()
  const snapshot = (): ProjectionFrame<State> => ({ kind: 'snapshot', position, state })

  return {
    get state() {
      return state
    },
    get position() {
      return position
    },
    get watcherCount() {
      return queues.size
    },
    publish(next, to) {
      const frame: PatchFrame<State> = { kind: 'patch', from: position, to, patch: diffJson(state, next) }
      state = next
      position = to
      kept = [...kept.slice(-limits.maxKeptPatches + 1), frame]
      for (const queue of queues) queue.push(frame)
    },
    addWatcher() {
      const queue = new FrameQueue(limits.maxQueuedFrames, snapshot, () => void queues.delete(queue))
      queues.add(queue)
      if (closed !== undefined) queue.close(closed.error)
      return queue
    },
    framesSince(from) {
      if (from === position) return []
      const start = kept.findIndex((frame) => frame.from === from)
      return start === -1 ? undefined : kept.slice(start)
    },
    close(error) {
      closed ??= { error }
      for (const queue of queues) queue.close(error)
    },
  }
}

class FrameQueue<State> implements Watcher<State> {
  #frames: ProjectionFrame<State>[] = []
  #isBehind = false
  #isClosed = false
  #error: unknown
  #resume: (() => void) | undefined
  readonly #capacity: number
  readonly #snapshot: () => ProjectionFrame<State>
  readonly #onClose: () => void

  constructor(capacity: number, snapshot: () => ProjectionFrame<State>, onClose: () => void) {
    this.#capacity = capacity
    this.#snapshot = snapshot
    this.#onClose = onClose
  }

  push(frame: ProjectionFrame<State>): void {
    if (!this.#isBehind) {
      if (this.#frames.length < this.#capacity) this.#frames.push(frame)
      else {
        this.#frames = []
        this.#isBehind = true
      }
    }
    this.#resume?.()
  }

  async next(): Promise<ProjectionFrame<State> | undefined> {
    while (!this.#isClosed) {
      if (this.#isBehind) {
        this.#isBehind = false
        return this.#snapshot()
      }
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      await new Promise<void>((resolve) => {
        this.#resume = resolve
      })
      this.#resume = undefined
    }
    if (this.#error !== undefined) throw this.#error
    return undefined
  }

  close(error?: unknown): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#error = error
    this.#onClose()
    this.#resume?.()
  }
}
