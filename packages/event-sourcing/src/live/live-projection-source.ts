import type { JsonPatch } from './json-patch.ts'

/*
 * The structural interface between projections and an edge that shows them. It names nothing of Drizzle or of Postgres:
 * an edge that declares the same shape for itself works with it, and with any other source that has it.
 */

/** What a watcher receives. Positions rise; `from` of a patch is the position of the frame before it. */
export type ProjectionFrame<State = unknown> =
  | { readonly kind: 'snapshot'; readonly position: number; readonly state: State }
  | { readonly kind: 'patch'; readonly from: number; readonly to: number; readonly patch: JsonPatch }

export interface WatchOptions {
  /** The position of the last frame the watcher has. It then gets what came after; a snapshot where that is not known any more. */
  readonly from?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** One follower of the events, shared by all who watch through it. Whoever opened it closes it. */
export interface LiveProjectionReader<State = unknown> {
  /** Looks for new events at once. Call it when the change log shows a change of one of the source's tables; a lost call only costs time. */
  wake(): void
  /**
   * The projection's state, then what changes it: reduced once for all watchers of an id, in the order of positions, only what is
   * settled. A watcher that reads too slowly gets a snapshot in place of what it missed. Ends when `signal` aborts or the reader is closed.
   */
  watch(id: string, options?: WatchOptions): AsyncIterableIterator<ProjectionFrame<State>>
  close(): Promise<void>
}

/** A projection that an edge can show live. */
export interface LiveProjectionSource<State = unknown> {
  readonly name: string
  /** Positions of another version mean nothing: resume only within the same one. */
  readonly version: number
  /** The tables whose changes may move it; the capture has to include them. */
  readonly tables: readonly { readonly schema: string; readonly table: string }[]
  open(): LiveProjectionReader<State>
}

/** The state that a live projection shows, for type-only imports. */
export type LiveStateOf<Source> = Source extends LiveProjectionSource<infer State> ? State : never
