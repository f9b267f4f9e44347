import { CLIENT_INTERNALS } from '../event-client.ts'
import type { EventFromType, GenericEventBase, StreamOptionsForEvents } from '../event-types.ts'
import type { ReadItem } from '../store.ts'
import { ClassProjection, READ_ITEMS } from './class-projection.ts'
import type { ProjectionClient } from './projection-core.ts'
import { streamItems } from './stream-items.ts'

/**
 * A projection as a class, over several streams of events.
 * Override `projectionType`, `id`, `getStreamOptions` and `asJson`.
 *
 * @example
 * class ListProjection extends MultiStreamProjectionBase<Types, AppEvent, EventClient, ListView> { … }
 */
export class MultiStreamProjectionBase<
  EventType extends string,
  Event extends GenericEventBase<EventType>,
  Client extends ProjectionClient,
  View extends Record<string, unknown>,
  Types extends EventType = EventType,
  E extends EventFromType<Types, Event> = EventFromType<Types, Event>,
> extends ClassProjection<Client, View, E> {
  /** The streams of events that the projection is made of. They are read, never changed. */
  protected getStreamOptions(): readonly StreamOptionsForEvents<E, Types>[] | Promise<readonly StreamOptionsForEvents<E, Types>[]> {
    throw new TypeError(`${this.constructor.name} has to override getStreamOptions.`)
  }

  /** @internal */
  protected override async [READ_ITEMS](): Promise<readonly ReadItem[]> {
    return streamItems(this.eventsClient[CLIENT_INTERNALS].store, await this.getStreamOptions())
  }
}

export type MultiStreamProjectionBaseType = typeof MultiStreamProjectionBase

/** `MultiStreamProjectionBase` with its types bound, to extend. */
export function createMultiStreamProjectionBaseClass<
  EventType extends string,
  Event extends GenericEventBase<EventType>,
  Client extends ProjectionClient,
  View extends Record<string, unknown>,
>(): typeof MultiStreamProjectionBase<EventType, Event, Client, View> {
  return MultiStreamProjectionBase<EventType, Event, Client, View>
}
