import type { IdBlock } from './id-block.ts'
import type { Octets } from './octets.ts'

/** Where the bytes of one connection go. */
export interface Sink {
  /**
   * Writes blocks of the event stream as one piece.
   *
   * @param id - the block that ends them
   * @returns whether there is room for more; if not, `onRoom` will be called
   */
  write(parts: readonly Octets[], id?: IdBlock): boolean
  /** Says how much of what was written waits in this process: a reader that takes some of it, however slowly, changes the number. */
  readonly waitingMark: number
  /** Ends the stream in an orderly way. */
  end(): void
  /** Ends it at once; what waits is lost. */
  destroy(): void
}

export interface SinkEvents {
  /** There is no room for more, which was not known yet when it was written; `onRoom` will be called. */
  onFull(): void
  onRoom(): void
  onGone(): void
}
