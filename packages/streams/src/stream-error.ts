import { LiveError, type EntryId } from '@zenstack-live/protocol'

/** Why changes are missing. */
export type GapReason =
  /** Retention removed them before this id had read them. */
  | 'retention'
  /** The capture could not go on without loss: a restored database, a lost replication slot. */
  | 'epoch'
  /** The log was lost and made anew, or lost its newest entries for good. */
  | 'lost'
  /** A transaction was too large for the log. */
  | 'bulk'
  /** TRUNCATE: rows went without an event each. Told to streams that ask for `deleted`. */
  | 'truncate'

/** What a stream cannot deliver. */
export interface StreamGap {
  id: string
  reason: GapReason
  /** Everything up to here was delivered. */
  after: EntryId
  /** Where the stream goes on once the gap is dealt with. */
  resumesAfter: EntryId
  message: string
}

/** Changes of a stream are gone. Thrown where no `onGap` takes care of it; the id keeps its place, so it is thrown again. */
export class StreamGapError extends LiveError {
  override readonly name = 'StreamGapError'
  readonly gap: StreamGap

  constructor(gap: StreamGap, options?: ErrorOptions) {
    super(
      'stream_gap',
      `The stream "${gap.id}" misses changes after ${gap.after} (${gap.reason}): ${gap.message} Give it \`onGap\` to go on after ${gap.resumesAfter}.`,
      options,
    )
    this.gap = gap
  }
}
