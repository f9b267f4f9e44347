/*
 * What an edge needs of a projection to show it live. `@zenstack-live/event-sourcing` gives it (`client.live(projection)`) without knowing
 * this file: the shape alone is what both agree on, so that anything else that has it can be shown too.
 */

/** One operation of RFC 6902: those that a difference needs. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

/** What a watcher is given. Positions rise; `from` of a patch is the position of the frame before it. */
export type ProjectionFrame<State = unknown> =
  | { readonly kind: 'snapshot'; readonly position: number; readonly state: State }
  | { readonly kind: 'patch'; readonly from: number; readonly to: number; readonly patch: readonly JsonPatchOperation[] }

/** The part of an `AbortSignal` that is used: this package is at home where there are none. */
export interface StopSignal {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** One follower of the events, for all who watch through it. Whoever opened it closes it. */
export interface LiveProjectionReader<State = unknown> {
  /** Looks for new events now. A lost call only costs time. */
  wake(): void
  /**
   * The state, then what changes it, in the order of positions. A watcher that reads too slowly is given a snapshot in place of what
   * it missed. Ends when `signal` aborts or the reader is closed.
   *
   * @param options.from - the position of the last frame that the watcher has; what came after it is told, or a snapshot
   */
  watch(
    id: string,
    options?: { readonly from?: number | undefined; readonly signal?: StopSignal | undefined },
  ): AsyncIterableIterator<ProjectionFrame<State>>
  close(): Promise<void>
}

/** A projection that can be shown live. */
export interface LiveProjectionSource<State = unknown> {
  readonly name: string
  /** Positions of another version mean nothing. */
  readonly version: number
  /** The tables whose changes may move it. */
  readonly tables: readonly { readonly schema: string; readonly table: string }[]
  open(): LiveProjectionReader<State>
}
