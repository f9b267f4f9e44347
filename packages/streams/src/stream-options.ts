import type { WhereInput } from '@zenstackhq/orm'
import type { GetModels, SchemaDef } from '@zenstackhq/schema'
import type { EventKind } from './stream-event.ts'
import type { StreamGap } from './stream-error.ts'

/** Which events a stream gets. `{}` asks for all of a kind; a kind left out is not asked for. */
export interface EventFilters<Where> {
  created?: Where
  /**
   * `after` alone: the row matches now and did not before. `before` alone: it matched and does no longer. Both: it matched the one
   * and matches the other now. Neither: every update.
   */
  updated?: { before?: Where; after?: Where }
  /** Looks at the row as it was. */
  deleted?: Where
}

/** Where a new id begins. An id that has a place goes on from there, whatever this says. */
export type StreamStart =
  /** With what is committed after the id was first used, by whoever used it and in whatever part. */
  | 'now'
  /** With the oldest change that the log keeps. */
  | 'beginning'
  /** With what was committed at this time or later, by the database's clock. */
  | Date
  /** With what follows this event. */
  | { after: string }

export interface StreamSettings {
  /** Names the reader. It keeps its place under this name: across restarts, processes and changed filters. */
  id: string
  /** @defaultValue `'now'` */
  start?: StreamStart | undefined
  /**
   * Splits the id by row key into this many parts that different processes own at the same time. The order of events of one row is
   * kept, that between rows is not. Changing the number repeats some events; processes with another number wait until those that run
   * have ended.
   *
   * @defaultValue 1
   */
  partitions?: number | undefined
  /** Ends the stream: what runs is finished, the place is kept. */
  signal?: AbortSignal | undefined
  /** Called when changes are gone, instead of `StreamGapError`; when it resolves, the stream goes on behind the gap. */
  onGap?: ((gap: StreamGap) => void | Promise<void>) | undefined
  /** How long this process may be silent before another one takes over. @defaultValue 10 s */
  leaseMs?: number | undefined
}

export type StreamOptions<Schema extends SchemaDef, Model extends GetModels<Schema>> = StreamSettings & { model: Model } & EventFilters<
    WhereInput<Schema, Model>
  >

/** The names of all options. */
export type OptionName = 'model' | keyof StreamSettings | EventKind

/** Tells which options were given: the type of the events depends on the kinds among them. */
export type WithNames<Names extends OptionName> = { [Name in Names]?: unknown }

/** The kinds among the names of some options. */
export type KindsOf<Names> = Extract<Names, EventKind>

export interface HandleSettings {
  /** Events handled at the same time by this process, per partition. Those of one row never overlap. @defaultValue 1 */
  concurrency?: number | undefined
  /** Deliveries, the first included, before an event becomes a dead letter. @defaultValue 5 */
  maxDeliveries?: number | undefined
  /**
   * Dead letters that are kept, per partition. Beyond it the oldest are gone for good: a warning says how many, and
   * `zenstack-live streams` counts them.
   *
   * @defaultValue 10,000
   */
  maxDeadLetters?: number | undefined
  /** Pause before the next delivery; `deliveries` counts those that failed. @defaultValue 500 ms, doubled each time, at most 60 s, with jitter */
  backoff?: ((deliveries: number) => number) | undefined
  /** Told of every delivery that failed. @defaultValue a warning in the log */
  onFailure?: ((failure: DeliveryFailure) => void) | undefined
}

export interface DeliveryFailure {
  id: string
  position: string
  key: string
  error: unknown
  deliveries: number
  /** Whether it was the last one: the event is a dead letter now. */
  isDead: boolean
}

/** What a handler is told besides the event. */
export interface DeliveryContext {
  /** 1 for the first delivery. Counted before the handler runs, so that it also counts deliveries that ended the process. */
  delivery: number
  /** Aborts when the stream ends or loses its lease: another process may then handle the same event. */
  signal: AbortSignal
}
