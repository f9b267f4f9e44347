import type { EventFromType, GenericEventBase, IdentifierFilter } from '../event-types.ts'
import { normalizeQuery } from '../query.ts'
import type { ReadItem } from '../store.ts'
import { ClassProjection, READ_ITEMS } from './class-projection.ts'
import type { ProjectionClient } from './projection-core.ts'

type DataOf<Event> = Event extends { data: infer Data } ? Data : unknown

/**
 * A projection as a class, over the events of some types that carry some identifiers.
 * Override `eventTypes`, `projectionType`, `id`, `getEventIdentifiers` and `asJson`.
 *
 * @example
 * class CartProjection extends ProjectionBase<Types, AppEvent, EventClient, CartView> { … }
 */
export class ProjectionBase<
  EventType extends string,
  Event extends GenericEventBase<EventType>,
  Client extends ProjectionClient,
  View extends Record<string, unknown>,
  Types extends EventType = EventType,
  E extends EventFromType<Types, Event> = EventFromType<Types, Event>,
> extends ClassProjection<Client, View, E> {
  /** The types of events that the projection is made of. */
  protected get eventTypes(): Types[] {
    throw new TypeError(`${this.constructor.name} has to override eventTypes.`)
  }

  /** The identifiers that its events carry. */
  protected getEventIdentifiers(): IdentifierFilter<DataOf<E>> | Promise<IdentifierFilter<DataOf<E>>> {
    throw new TypeError(`${this.constructor.name} has to override getEventIdentifiers.`)
  }

  /** @internal */
  protected override async [READ_ITEMS](): Promise<readonly ReadItem[]> {
    return normalizeQuery({ types: this.eventTypes, identifier: await this.getEventIdentifiers() })
  }
}

export type ProjectionBaseType = typeof ProjectionBase

/** `ProjectionBase` with its types bound, to extend. */
export function createProjectionBaseClass<
  EventType extends string,
  Event extends GenericEventBase<EventType>,
  Client extends ProjectionClient,
  View extends Record<string, unknown>,
>(): typeof ProjectionBase<EventType, Event, Client, View> {
  return ProjectionBase<EventType, Event, Client, View>
}
