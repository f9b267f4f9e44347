import type { Decider, Models, StatesOf } from './decider.ts'
import type { Projection } from './define-projection.ts'
import type { EventCodec } from './define-events.ts'
import type {
  DataFilter,
  EventFromType,
  EventMetadata,
  EventQuery,
  EventQueryItem,
  EventQueryOptions,
  GenericEventBase,
  InputOf,
  StoredEventOf,
  StreamDefinition,
  StreamOptionsForEvents,
} from './event-types.ts'
import type { EventSourcingLimits } from './limits.ts'
import type { LiveProjectionSource } from './live/live-projection-source.ts'
import type { ClassProjectionOptions } from './live/class-live-projection.ts'
import type { EventStore, SaveStatus } from './store.ts'
import type { Waker } from './waker.ts'

/** What the append must not find: events that match any item, after the position given for it. */
export interface AppendCondition<Event extends GenericEventBase = GenericEventBase> {
  readonly failIfEventsMatch: EventConditionItem<Event> | readonly EventConditionItem<Event>[]
  /**
   * The last event that was seen: its position, or its id. Absent: no matching event may exist at all.
   * Exact for items on one identifier that the seen event carries. For several identifiers, or none, take the condition
   * from `read` or `decide`, which know a position for each.
   */
  readonly after?: number | string | undefined
}

export interface EventConditionItem<Event extends GenericEventBase = GenericEventBase> extends EventQueryItem<Event> {
  /** In place of the condition's `after`, for this item. */
  readonly after?: number | undefined
}

export interface AppendOptions<Event extends GenericEventBase = GenericEventBase> {
  readonly condition?: AppendCondition<Event> | undefined
  /** Makes trying again harmless: the same key with the same events gives what was stored the first time. */
  readonly idempotencyKey?: string | undefined
  /** Stored with every event of this append, below its own metadata. */
  readonly metadata?: EventMetadata | undefined
  /** Append within this Drizzle transaction. It has to be READ COMMITTED where there is a condition or a key. */
  readonly tx?: unknown
}

export interface AppendResult<Event> {
  readonly events: StoredEventOf<Event>[]
  /** The position of the last event, to wait for or to read from. 0 when nothing was appended. */
  readonly position: number
  /** Whether the idempotency key was used before: then these events are older than this call. */
  readonly isReplay: boolean
}

export interface ReadOptions {
  /** Only events after this position. */
  readonly after?: number | undefined
  readonly limit?: number | undefined
  readonly order?: 'asc' | 'desc' | undefined
  readonly tx?: unknown
}

export interface SubscribeOptions<Event extends GenericEventBase = GenericEventBase> {
  /** @defaultValue every event */
  readonly query?: EventQuery<Event> | undefined
  /** Only events after this position. @defaultValue 0, the beginning */
  readonly from?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface HandleOptions {
  /** Attempts after the first, when another append came between. @defaultValue 3 */
  readonly retry?: number | undefined
  readonly idempotencyKey?: string | undefined
  readonly metadata?: EventMetadata | undefined
  /** Decide and append within this transaction, once. */
  readonly tx?: unknown
}

export interface HandleResult<Event, States> extends AppendResult<Event> {
  /** What the decision rested on: the states before these events. */
  readonly states: States
}

export interface RunProjectionsOptions {
  readonly signal: AbortSignal
  /** Called when a pass failed and is tried again. */
  readonly onError?: (error: unknown) => void
}

export interface SavedProjection<Data> {
  data: Data
  latestEventId: string
}

export interface SavedProjectionStatus {
  id: string
  type: string
  data: unknown
  latestEventId: string
  status: SaveStatus
}

/** @internal */
export const CLIENT_INTERNALS: unique symbol = Symbol.for('zenstack-live.event-sourcing.client') as never

/** @internal */
export interface ClientInternals {
  readonly store: EventStore
  readonly codec: EventCodec
  readonly limits: EventSourcingLimits
  readonly waker: Waker
}

/**
 * Writes and reads the events of one table, and what is made of them.
 *
 * The generics are those of `@status-machina/drizzle-pg-pattern`, in its order; only the first two carry meaning.
 */
export interface EventClient<
  EventType extends string = string,
  Events extends GenericEventBase<EventType> = GenericEventBase<EventType>,
  J = unknown,
  K = unknown,
  Db = unknown,
> {
  /** Stores one event. */
  saveEvent(eventInput: InputOf<Events>, tx?: unknown): Promise<StoredEventOf<Events>>
  /** Stores several events, all or none, in this order. */
  saveEvents(eventInputs: readonly InputOf<Events>[], tx?: unknown): Promise<StoredEventOf<Events>[]>
  /** The newest event of a type. `undefined` when there is none, which the type leaves out for compatibility. */
  getLatestEvent<T extends EventType>(
    eventType: T,
    options?: EventQueryOptions<EventFromType<T, Events>>,
  ): Promise<StoredEventOf<EventFromType<T, Events>>>
  /** All events of these types, in their order. */
  getEventStream<T extends EventType>(
    eventTypes: readonly T[],
    options?: EventQueryOptions<EventFromType<T, Events>>,
  ): Promise<StoredEventOf<EventFromType<T, Events>>[]>
  /** Several streams merged, each event once, read in one snapshot. */
  getEventStreams<T extends EventType>(
    streams: readonly StreamOptionsForEvents<EventFromType<T, Events>, T>[],
  ): Promise<StoredEventOf<EventFromType<T, Events>>[]>
  /** Stores an event unless one of the streams has events after `latestEventId`. */
  saveEventWithStreamValidation(
    eventInput: InputOf<Events>,
    latestEventId: string,
    streams: readonly StreamDefinition<Events>[],
  ): Promise<StoredEventOf<Events>>
  /** Saves a projection unless a newer one is saved; gives what is saved then. */
  saveProjection(params: {
    type: string
    id: string
    data: Readonly<Record<string, unknown>>
    latestEventId: string
    tx?: unknown
  }): Promise<SavedProjectionStatus>
  getProjection<T>(params: { type: string; id: string; tx?: unknown }): Promise<SavedProjection<T> | undefined>
  /** Saved projections of a type whose data matches. */
  queryProjections<T extends { asJson(): Promise<Readonly<Record<string, unknown>>> } = { asJson(): Promise<Record<string, unknown>> }>(params: {
    type: string
    data?: DataFilter<Awaited<ReturnType<T['asJson']>>>
    tx?: unknown
  }): Promise<SavedProjection<Awaited<ReturnType<T['asJson']>>>[]>

  /**
   * Stores events, all or none, if the condition holds.
   *
   * @throws {ConcurrencyError} when an event matches the condition. Nothing is stored.
   * @throws {DuplicateEventError} when an id, or the idempotency key for other events, was used before.
   * @throws {EventValidationError} when a schema refuses an event.
   * @throws {IsolationError} when `tx` cannot see what the condition needs.
   */
  append(events: InputOf<Events> | readonly InputOf<Events>[], options?: AppendOptions<Events>): Promise<AppendResult<Events>>
  /**
   * Reads a query in one snapshot, with the condition that nothing was added to it since.
   * Waits for open appends to what no declared identifier pins down.
   */
  read(query: EventQuery<Events>, options?: ReadOptions): Promise<{ events: StoredEventOf<Events>[]; condition: AppendCondition<Events> }>
  /** Reads a query page by page. What is appended meanwhile may or may not be seen; use `subscribe` to miss nothing. */
  iterate(
    query: EventQuery<Events>,
    options?: { readonly after?: number; readonly pageSize?: number; readonly tx?: unknown },
  ): AsyncIterable<StoredEventOf<Events>>
  /** Follows a query without end, in order of position: nothing missed, nothing twice, no writer blocked. */
  subscribe(options?: SubscribeOptions<Events>): AsyncIterableIterator<StoredEventOf<Events>>
  /** Lets subscriptions and live projections of this client look at once. For change logs and notifications. */
  wake(): void

  /** Folds several models in one snapshot, with the condition under which a decision on them stands. */
  decide<const M extends Models>(models: M, options?: { readonly tx?: unknown }): Promise<{ state: StatesOf<M>; condition: AppendCondition<Events> }>
  /** Decides and appends; again from the read on when another append came between. */
  handle<Command, M extends Models, Input extends InputOf<Events>>(
    decider: Decider<Command, M, Input>,
    command: Command,
    options?: HandleOptions,
  ): Promise<HandleResult<Events, StatesOf<M>>>

  /** A projection's state now, and the position of its last event. */
  project<State>(projection: Projection<State, never>, id: string, options?: { readonly tx?: unknown }): Promise<{ state: State; position: number }>
  /** Stored rows of a projection that is kept inline or by `runProjections`. */
  findProjected<State>(projection: Projection<State, never>, filter?: DataFilter<unknown>): Promise<{ id: string; state: State; position: number }[]>
  /** Keeps projections up to date until the signal aborts. Any number of processes may run it: one works, the others stand by. */
  runProjections(projections: readonly Projection<unknown, never>[], options: RunProjectionsOptions): Promise<void>
  /** Builds a projection's rows anew beside the present ones and puts them in place at once, while events are written. */
  rebuild(projection: Projection<unknown, never>): Promise<void>
  /** Resolves when `runProjections` has worked off this position. */
  waitFor(
    projection: Projection<unknown, never>,
    position: number,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<void>
  /** The projection for an edge to show live. */
  live<State>(projection: Projection<State, never>): LiveProjectionSource<State>
  live<State>(projection: ClassProjectionOptions<State>): LiveProjectionSource<State>

  /** Makes the tables and the append function, for tests and for databases without drizzle-kit. Safe to run again. */
  install(): Promise<void>

  /** @internal */
  readonly [CLIENT_INTERNALS]: ClientInternals
  /** Only for the types' sake. @internal */
  readonly '~types'?: { readonly j: J; readonly k: K; readonly db: Db } | undefined
}
