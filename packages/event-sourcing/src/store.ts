import type { ConflictingEvent } from './errors.ts'
import type { FilterValue } from './event-types.ts'
import type { Identifier } from './table-config.ts'

/** A query item with every value as the text that `->>` gives. */
export interface NormalItem {
  readonly types?: readonly string[]
  readonly identifier: Readonly<Record<string, readonly string[]>>
}

/** An item that an append must not find after this position. */
export interface ConditionItem extends NormalItem {
  /** 0 when no matching event may exist at all. */
  readonly after: number
}

export interface ReadItem extends NormalItem {
  readonly filter?: Readonly<Record<string, FilterValue>>
  readonly after?: number
}

export interface ReadRequest {
  readonly items: readonly ReadItem[]
  readonly after?: number
  readonly upTo?: number
  readonly limit?: number
  readonly order?: 'asc' | 'desc'
}

export interface StoredEvent {
  readonly id: string
  readonly position: number
  readonly type: string
  readonly data: unknown
  readonly metadata: Readonly<Record<string, unknown>> | null
  readonly schemaVersion: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface NewEvent {
  readonly id: string
  readonly type: string
  readonly data: unknown
  readonly metadata: Readonly<Record<string, unknown>> | null
  readonly schemaVersion: number
  readonly createdAt?: Date
}

export interface AppendRequest {
  readonly events: readonly NewEvent[]
  readonly condition?: readonly ConditionItem[]
  readonly idempotencyKey?: string
  /** Further names to lock exclusively before positions are drawn, such as projections kept in the same transaction. */
  readonly locks?: readonly string[]
}

export type AppendOutcome =
  | { readonly kind: 'appended'; readonly events: StoredEvent[] }
  /** The idempotency key was used before; these are the events stored then. */
  | { readonly kind: 'duplicate'; readonly events: StoredEvent[] }
  | { readonly kind: 'conflict'; readonly conflicting: ConflictingEvent }

/** A transaction that may still commit events. */
export interface OpenWriter {
  readonly id: string
  /** A prepared transaction goes by another id than it had before it was prepared. */
  readonly isPrepared: boolean
}

export interface ProjectionRow {
  readonly type: string
  readonly id: string
  readonly data: unknown
  readonly latestEventId: string
  readonly position: number | null
}

export type SaveStatus = 'created' | 'updated' | 'skipped'

export interface ProjectionQuery {
  readonly type: string
  readonly ids?: readonly string[]
  readonly filter?: Readonly<Record<string, FilterValue>>
}

/** What an event store has to do; the client, subscriptions and projections are written against it. */
export interface EventStore {
  readonly identifiers: readonly Identifier[]
  /** The table of the events, for whoever captures its changes. */
  readonly eventsTable: { readonly schema: string; readonly table: string }
  append(request: AppendRequest, tx?: unknown): Promise<AppendOutcome>
  /** One snapshot, ordered by position. */
  read(request: ReadRequest, tx?: unknown): Promise<StoredEvent[]>
  /** The same, after every open append that could still add to these items has ended. */
  readSettled(request: ReadRequest, tx?: unknown): Promise<StoredEvent[]>
  positionOf(eventId: string, tx?: unknown): Promise<number | undefined>
  /** The events that were stored with an idempotency key. */
  findByKey(idempotencyKey: string, tx?: unknown): Promise<StoredEvent[]>
  /** The greatest visible position, 0 when empty. */
  head(tx?: unknown): Promise<number>
  /** Transactions that may still fill a position below the head. */
  openWriters(): Promise<OpenWriter[]>
  findProjections(query: ProjectionQuery, tx?: unknown): Promise<ProjectionRow[]>
  /** Writes rows whose position is ahead of the stored one, or all of them with `overwrite`. */
  saveProjections(rows: readonly ProjectionRow[], options?: { overwrite?: boolean; tx?: unknown }): Promise<SaveStatus[]>
  /** Puts all rows of one type in place of those of another. */
  replaceProjections(from: string, to: string, tx?: unknown): Promise<void>
  deleteProjections(type: string, tx?: unknown): Promise<void>
  transaction<Result>(run: (tx: unknown) => Promise<Result>): Promise<Result>
  /** Takes a lock that ends with the transaction; `false` when another has it. */
  tryLock(name: string, tx: unknown): Promise<boolean>
  /** Waits for the same lock. */
  lock(name: string, tx: unknown): Promise<void>
  /** Waits for all open appends and holds off new ones until the transaction ends. */
  lockAppends(tx: unknown): Promise<void>
  /** Creates or updates everything the store needs in the database. Safe to run again. */
  install(): Promise<void>
}
