import type { ProjectionStore } from './projection-store.ts'
import { projectionPath, type LiveProjection } from './live-projection.ts'
import { IDLE_STATE, liveStateOf, type LiveState } from './live-state.ts'

type AnyProjection = LiveProjection<unknown>

interface Waiting {
  readonly projection: AnyProjection
  readonly listener: () => void
  /** From when it is watched. */
  release: (() => void) | undefined
}

const CONNECTING_STATE: LiveState<unknown> = liveStateOf(undefined, 'connecting', undefined, undefined)

/** The store of projections, whose code is loaded with the first one that is watched: most pages show none. */
export class LazyProjections {
  readonly #load: () => Promise<ProjectionStore>
  readonly #retryMs: number
  #store: ProjectionStore | undefined
  #isLoading = false
  #retry: ReturnType<typeof setTimeout> | undefined
  readonly #waiting = new Set<Waiting>()
  #isClosed = false

  /**
   * @param load - its failure is tried again while somebody waits
   */
  constructor(load: () => Promise<ProjectionStore>, retryMs: number) {
    this.#load = load
    this.#retryMs = retryMs
  }

  /** As {@link ProjectionStore.watch}. */
  watch(projection: AnyProjection, listener: () => void): () => void {
    if (this.#isClosed) return () => {}
    if (this.#store !== undefined) return this.#store.watch(projection, listener)
    const waiting: Waiting = { projection, listener, release: undefined }
    this.#waiting.add(waiting)
    if (this.#waiting.size === 1 && !this.#isLoading) void this.#begin()
    return () => {
      this.#waiting.delete(waiting)
      if (this.#waiting.size === 0) clearTimeout(this.#retry)
      waiting.release?.()
    }
  }

  /** As {@link ProjectionStore.read}. */
  read(projection: AnyProjection): LiveState<unknown> {
    if (this.#store !== undefined) return this.#store.read(projection)
    const path = projectionPath(projection)
    return [...this.#waiting].some((waiting) => projectionPath(waiting.projection) === path) ? CONNECTING_STATE : IDLE_STATE
  }

  reconnect(): void {
    this.#store?.reconnect()
  }

  close(): void {
    clearTimeout(this.#retry)
    this.#isClosed = true
    this.#waiting.clear()
    this.#store?.close()
  }

  async #begin(): Promise<void> {
    clearTimeout(this.#retry)
    this.#isLoading = true
    const store = await this.#load().catch(() => undefined)
    this.#isLoading = false
    this.#store = store
    if (store === undefined) {
      if (this.#waiting.size > 0) this.#retry = setTimeout(() => void this.#begin(), this.#retryMs)
      return
    }
    for (const waiting of this.#waiting) waiting.release = store.watch(waiting.projection, waiting.listener)
    this.#waiting.clear()
  }
}
