import { callListener } from './call-listener.ts'
import { LazyCode, type LazyCodeOptions } from './lazy-code.ts'
import { projectionPath, type LiveProjection } from './live-projection.ts'
import { IDLE_STATE, liveStateOf, type LiveState } from './live-state.ts'
import type { ProjectionStore } from './projection-store.ts'

type AnyProjection = LiveProjection<unknown>

interface Waiting {
  readonly projection: AnyProjection
  readonly listener: () => void
  /** From when it is watched. */
  release: (() => void) | undefined
}

const CONNECTING_STATE: LiveState<unknown> = liveStateOf(undefined, 'connecting', undefined, undefined)
const CLOSED_STATE: LiveState<unknown> = liveStateOf(undefined, 'closed', undefined, undefined)

/** The store of projections, whose code is loaded with the first one that is watched: most pages show none. */
export class LazyProjections {
  readonly #code: LazyCode<ProjectionStore>
  #store: ProjectionStore | undefined
  readonly #waiting = new Set<Waiting>()
  /** Of those who wait. */
  #state = CONNECTING_STATE
  #isClosed = false

  /**
   * @param load - its failure is tried again while somebody waits
   */
  constructor(options: LazyCodeOptions, load: () => Promise<ProjectionStore>) {
    this.#code = new LazyCode(options, {
      load,
      isWanted: () => this.#waiting.size > 0 && !this.#isClosed,
      arrived: (store) => {
        if (this.#isClosed) return
        this.#store = store
        for (const waiting of this.#waiting) waiting.release = store.watch(waiting.projection, waiting.listener)
        this.#waiting.clear()
      },
      moved: () => {
        const { error } = this.#code
        this.#become(error === undefined ? CONNECTING_STATE : liveStateOf(undefined, 'stalled', undefined, error))
      },
    })
  }

  /** As {@link ProjectionStore.watch}. */
  watch(projection: AnyProjection, listener: () => void): () => void {
    if (this.#store !== undefined && !this.#isClosed) return this.#store.watch(projection, listener)
    const waiting: Waiting = { projection, listener, release: undefined }
    this.#waiting.add(waiting)
    this.#code.ask()
    return () => {
      this.#waiting.delete(waiting)
      waiting.release?.()
    }
  }

  /** As {@link ProjectionStore.read}. */
  read(projection: AnyProjection): LiveState<unknown> {
    const known = this.#store?.read(projection) ?? IDLE_STATE
    if (known !== IDLE_STATE) return known
    const path = projectionPath(projection)
    return [...this.#waiting].some((waiting) => projectionPath(waiting.projection) === path) ? this.#state : IDLE_STATE
  }

  reconnect(): void {
    if (this.#isClosed) return
    this.#code.askAnew()
    this.#store?.reconnect()
  }

  close(): void {
    this.#isClosed = true
    this.#code.askNow()
    this.#become(CLOSED_STATE)
    this.#store?.close()
  }

  #become(state: LiveState<unknown>): void {
    this.#state = state
    for (const { listener } of this.#waiting) callListener(listener, undefined)
  }
}
