import { createClientOver, type ClientOptions } from '../client.ts'
import type { EventDefinitions, EventOf } from '../define-events.ts'
import type { EventClient } from '../event-client.ts'
import type { GenericEventBase } from '../event-types.ts'
import { DEFAULT_LIMITS, type EventSourcingLimits } from '../limits.ts'
import { resolveIdentifiers, type EventsTableConfig } from '../table-config.ts'
import { createMemoryStore } from './memory-store.ts'

export interface MemoryClientOptions<Definitions extends EventDefinitions = EventDefinitions> extends Pick<ClientOptions, 'inline'> {
  readonly definitions?: Definitions | undefined
  readonly identifiers?: EventsTableConfig['identifiers']
  readonly limits?: Partial<EventSourcingLimits> | undefined
}

/** A client without a database: the same client over events kept in memory, checked by the same contract suite. */
export function createMemoryEventClient<const Definitions extends EventDefinitions>(
  options: MemoryClientOptions<Definitions> & { readonly definitions: Definitions },
): EventClient<keyof Definitions & string, EventOf<Definitions>>
export function createMemoryEventClient<EventType extends string = string, Events extends GenericEventBase<EventType> = GenericEventBase<EventType>>(
  options?: MemoryClientOptions,
): EventClient<EventType, Events>
export function createMemoryEventClient({ identifiers, definitions, inline, limits }: MemoryClientOptions = {}): EventClient {
  const store = createMemoryStore(resolveIdentifiers({ identifiers }))
  return createClientOver(store, { definitions, inline, limits: { ...DEFAULT_LIMITS, ...limits } })
}
