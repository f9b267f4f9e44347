import type { EntryId } from '@zenstack-live/protocol'
import type { SimplifiedPlainResult } from '@zenstackhq/orm'
import type { GetModels, SchemaDef } from '@zenstackhq/schema'

export type EventKind = 'created' | 'updated' | 'deleted'

/** A row as `client.<model>.findMany()` returns it, without what the schema marks `@omit`. */
export type StreamRow<Schema extends SchemaDef, Model extends GetModels<Schema>> = SimplifiedPlainResult<Schema, Model>

/** What every event says about itself. */
export interface EventFacts {
  /** Model of the row. */
  readonly model: string
  /** When its transaction was committed. */
  readonly date: Date
  /** Transaction in Postgres. All events of one transaction share it; it comes round after 2³² transactions. */
  readonly transactionId: number
  /** Place in the change log: opaque, rising. The same event has the same position in every stream and every delivery. */
  readonly position: EntryId
  /** Text of the row's primary key; events of one key come in order. */
  readonly key: string
}

export type CreatedEvent<Row> = EventFacts & { readonly type: 'created'; readonly created: Row }
export type UpdatedEvent<Row> = EventFacts & { readonly type: 'updated'; readonly updated: { readonly before: Row; readonly after: Row } }
export type DeletedEvent<Row> = EventFacts & { readonly type: 'deleted'; readonly deleted: Row }

interface EventsByKind<Row> {
  created: CreatedEvent<Row>
  updated: UpdatedEvent<Row>
  deleted: DeletedEvent<Row>
}

/** The event of a stream that asks for these kinds. */
export type StreamEvent<Row, Kinds extends EventKind = EventKind> = EventsByKind<Row>[Kinds]

type BeforeOf<Event> =
  Event extends CreatedEvent<unknown> ? null : Event extends UpdatedEvent<infer Row> ? Row : Event extends DeletedEvent<infer Row> ? Row : never
type AfterOf<Event> =
  Event extends CreatedEvent<infer Row> ? Row : Event extends UpdatedEvent<infer Row> ? Row : Event extends DeletedEvent<unknown> ? null : never

/**
 * The row before and after any kind of event; `null` where there was or is none.
 *
 * @example
 * const { before, after } = beforeAfter(event)
 */
export function beforeAfter<Event extends StreamEvent<unknown>>(event: Event): { before: BeforeOf<Event>; after: AfterOf<Event> } {
  const { before, after } = bothSides(event)
  // The conditional types say the same as the cases of `bothSides`.
  return { before: before as BeforeOf<Event>, after: after as AfterOf<Event> }
}

function bothSides(event: StreamEvent<unknown>): { before: unknown; after: unknown } {
  switch (event.type) {
    case 'created':
      return { before: null, after: event.created }
    case 'updated':
      return event.updated
    default:
      return { before: event.deleted, after: null }
  }
}
