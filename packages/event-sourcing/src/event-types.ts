import type { PgInsertValue } from 'drizzle-orm/pg-core'
import type { GenericEventsTable } from './events-table.ts'

/** What every event of an application has. */
export interface GenericEventBase<Type extends string = string> {
  id: string
  type: Type
  data: unknown
  createdAt: Date | null
  updatedAt: Date | null
}

/** Facts about the writing of an event: who caused it, from where, in answer to what. */
export type EventMetadata = Readonly<Record<string, unknown>>

/** What the table adds to an application's events. */
export interface StoredEventFields {
  /** Place in the one order of this table, rising; may have holes. */
  position: number
  metadata: EventMetadata | null
  /** The version of `data` after upcasting. */
  schemaVersion: number
}

type FilledIn = 'id' | 'createdAt' | 'updatedAt' | keyof StoredEventFields | 'idempotencyKey'

/** An event as it is written: without what the store fills in. A union stays a union, so `data` must fit `type`. */
export type InputOf<Event> = Event extends unknown
  ? Omit<Event, FilledIn> & {
      id?: string | undefined
      createdAt?: Date | undefined
      updatedAt?: Date | undefined
      metadata?: EventMetadata | undefined
    }
  : never

/** An event that was not given all its fields yet, as `apply` takes it. */
export type GenericEventInput<Event> = InputOf<Event>

/** What Drizzle accepts for a row of an events table. */
export type PgInsertEvent = PgInsertValue<GenericEventsTable>

/** The events of one type out of a union. */
export type EventFromType<Type, Event> = Event & { type: Type }

/** An application's event as it comes out of the store. */
export type StoredEventOf<Event> = Event & StoredEventFields

/** A value that identifiers and simple filters compare. */
export type Scalar = string | number | boolean

type KeysOfAny<Data> = Data extends unknown ? keyof Data & string : never
type IsUnknown<T> = unknown extends T ? true : false

/** Operators of one field. Several must all hold. Numbers compare as numbers, strings by code point. */
export interface FilterOperators {
  readonly eq?: Scalar
  readonly neq?: Scalar
  readonly in?: readonly Scalar[]
  readonly nin?: readonly Scalar[]
  readonly gt?: number | string
  readonly gte?: number | string
  readonly lt?: number | string
  readonly lte?: number | string
  /** Holds when the field contains this JSON value, in the sense of Postgres's `@>`. */
  readonly contains?: unknown
}

/** One field of a filter: a value, any of several values (none: nothing matches), operators, or the filter of a nested object. */
export type FilterValue = Scalar | readonly Scalar[] | FilterOperators | { readonly [key: string]: FilterValue }

/** Which events' or projections' data is meant. All fields must match. `null` and `undefined` are refused, never ignored. */
export type DataFilter<Data> =
  IsUnknown<Data> extends true ? { readonly [key: string]: FilterValue } : { readonly [Key in KeysOfAny<Data>]?: FilterValue }

/** Identifiers of a condition or a query: a value, or any of several. */
export type IdentifierFilter<Data> =
  IsUnknown<Data> extends true
    ? { readonly [key: string]: Scalar | readonly Scalar[] }
    : { readonly [Key in KeysOfAny<Data>]?: Scalar | readonly Scalar[] }

type DataOf<Event> = Event extends { data: infer Data } ? Data : unknown

/** One item of a query: events of any of these types that carry all of these identifiers. */
export interface EventQueryItem<Event extends GenericEventBase = GenericEventBase> {
  /** Any of these types; all types when absent. */
  readonly types?: readonly Event['type'][]
  readonly identifier?: IdentifierFilter<DataOf<Event>>
}

/** A query of any shape: events that match any of its items. `{}` matches every event. */
export type EventQuery<Event extends GenericEventBase = GenericEventBase> = EventQueryItem<Event> | readonly EventQueryItem<Event>[]

/** Options of the reads by type. */
export interface EventQueryOptions<Event extends GenericEventBase = GenericEventBase> {
  /** Only events that stand after the event with this id. */
  readonly after?: string | undefined
  readonly data?: DataFilter<DataOf<Event>> | undefined
  /** Read within this Drizzle transaction. */
  readonly tx?: unknown
}

/** One stream of `getEventStreams`. */
export interface StreamOptionsForEvents<Event extends GenericEventBase = GenericEventBase, Type extends string = Event['type']> {
  eventTypes: readonly Type[]
  options?: EventQueryOptions<Event> | undefined
}

/** One stream that `saveEventWithStreamValidation` checks. */
export interface StreamDefinition<Event extends GenericEventBase = GenericEventBase> {
  readonly types: readonly Event['type'][]
  readonly identifier: IdentifierFilter<DataOf<Event>>
}

/** The fields of `T` that hold a string or a number. */
export type ObjectWithOnlyStringOrNumberValues<T> = {
  [Key in keyof T as T[Key] extends string | number | undefined ? Key : never]: T[Key] extends number | undefined ? number : string
}

/** The same, each as a list of alternatives. */
export type ObjectWithOnlyStringOrNumberArrayValues<T> = {
  [Key in keyof T as T[Key] extends string | number | undefined ? Key : never]: T[Key] extends number | undefined ? number[] : string[]
}

export type ObjectWithOnlyStringOrNumberValuesOrArrayValues<T> = ObjectWithOnlyStringOrNumberValues<T> | ObjectWithOnlyStringOrNumberArrayValues<T>
