import { createClientOver, type ClientOptions } from './client.ts'
import type { EventDefinitions, EventOf } from './define-events.ts'
import type { EventClient } from './event-client.ts'
import type { GenericEventBase } from './event-types.ts'
import type { GenericEventsTable } from './events-table.ts'
import { DEFAULT_LIMITS, type EventSourcingLimits } from './limits.ts'
import { installSql, upgradeSql } from './postgres/install.ts'
import type { EventDatabase } from './postgres/database.ts'
import { createPostgresStore } from './postgres/postgres-store.ts'
import type { GenericProjectionsTable } from './projections-table.ts'
import { tableInfo } from './table-config.ts'

export interface EventClientOptions<Definitions extends EventDefinitions = EventDefinitions> extends Omit<ClientOptions, 'definitions' | 'limits'> {
  /** Schemas, versions and upcasters; without them data goes in and out unchecked. */
  readonly definitions?: Definitions | undefined
  readonly limits?: Partial<EventSourcingLimits> | undefined
  /**
   * Says that nothing writes to the events table except in SERIALIZABLE transactions. Then this client does so too, and
   * accepts conditions within a caller's SERIALIZABLE transaction. @defaultValue false
   */
  readonly everyWriterIsSerializable?: boolean | undefined
  /** Append with separate statements, also where the append function is installed. @defaultValue true */
  readonly useAppendFunction?: boolean | undefined
}

/**
 * Makes the client for one events table and one projections table, on any Drizzle Postgres driver.
 *
 * @example
 * const client = createEventClient(db, events, projections, { definitions: shopEvents, inline: [cartSummary] })
 */
export function createEventClient<const Definitions extends EventDefinitions>(
  db: EventDatabase,
  events: GenericEventsTable,
  projections: GenericProjectionsTable,
  options: EventClientOptions<Definitions> & { readonly definitions: Definitions },
): EventClient<keyof Definitions & string, EventOf<Definitions>>
export function createEventClient<
  EventType extends string = string,
  Events extends GenericEventBase<EventType> = GenericEventBase<EventType>,
  J = unknown,
  K = unknown,
  Db extends EventDatabase = EventDatabase,
>(db: Db, events: GenericEventsTable, projections: GenericProjectionsTable, options?: EventClientOptions): EventClient<EventType, Events, J, K, Db>
export function createEventClient(
  db: EventDatabase,
  events: GenericEventsTable,
  projections: GenericProjectionsTable,
  options: EventClientOptions = {},
): EventClient {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const store = createPostgresStore({
    db,
    events: tableInfo(events),
    projections: tableInfo(projections),
    limits,
    everyWriterIsSerializable: options.everyWriterIsSerializable ?? false,
    useAppendFunction: options.useAppendFunction ?? true,
  })
  return createClientOver(store, { definitions: options.definitions, inline: options.inline, limits })
}

/** The statements that make tables, indexes and the append function, each safe to run again. For a custom drizzle-kit migration. */
export function eventStoreSql(events: GenericEventsTable, projections: GenericProjectionsTable, limits: Partial<EventSourcingLimits> = {}): string[] {
  return installSql(tableInfo(events), tableInfo(projections), { ...DEFAULT_LIMITS, ...limits }.maxLocksPerAppend)
}

/** The statements that bring tables of `@status-machina/drizzle-pg-pattern` to this package's: real schemas, positions, new columns, the function. */
export function upgradeFromSeedSql(
  events: GenericEventsTable,
  projections: GenericProjectionsTable,
  limits: Partial<EventSourcingLimits> = {},
): string[] {
  return upgradeSql(tableInfo(events), tableInfo(projections), { ...DEFAULT_LIMITS, ...limits }.maxLocksPerAppend)
}
