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
  onRoom(): void
  onGone(): void
}
