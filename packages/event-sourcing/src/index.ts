export { createEventClient, eventStoreSql, upgradeFromSeedSql, type EventClientOptions } from './create-event-client.ts'
export { createEventsTable, type GenericEventsTable, type GenericEventsType } from './events-table.ts'
export { createProjectionsTable, type GenericProjectionsTable, type GenericProjectionsType } from './projections-table.ts'
export type { AdditionalIndex, EventsTableConfig, Identifier, IdentifierLock, ProjectionsTableConfig } from './table-config.ts'
export type {
  AppendCondition,
  AppendOptions,
  AppendResult,
  EventClient,
  EventConditionItem,
  HandleOptions,
  HandleResult,
  ReadOptions,
  RunProjectionsOptions,
  SavedProjection,
  SavedProjectionStatus,
  SubscribeOptions,
} from './event-client.ts'
export type {
  DataFilter,
  EventFromType,
  EventMetadata,
  EventQuery,
  EventQueryItem,
  EventQueryOptions,
  FilterOperators,
  FilterValue,
  GenericEventBase,
  GenericEventInput,
  IdentifierFilter,
  InputOf,
  ObjectWithOnlyStringOrNumberArrayValues,
  ObjectWithOnlyStringOrNumberValues,
  ObjectWithOnlyStringOrNumberValuesOrArrayValues,
  PgInsertEvent,
  Scalar,
  StoredEventFields,
  StoredEventOf,
  StreamDefinition,
  StreamOptionsForEvents,
} from './event-types.ts'
export { defineEvents, type EventDefinition, type EventDefinitions, type EventOf } from './define-events.ts'
export type { StandardSchema } from './standard-schema.ts'
export {
  defineModel,
  defineProjection,
  SINGLE_ID,
  type DecisionModel,
  type Projection,
  type ProjectionOptions,
  type ProjectionStream,
  type StateOf,
} from './define-projection.ts'
export { defineDecider, type AnyEventInput, type Decider, type Models, type StatesOf } from './decider.ts'
export { createProjectionBaseClass, ProjectionBase, type ProjectionBaseType } from './projections/projection-base.ts'
export {
  createMultiStreamProjectionBaseClass,
  MultiStreamProjectionBase,
  type MultiStreamProjectionBaseType,
} from './projections/multi-stream-projection-base.ts'
export type { ProjectionClient } from './projections/projection-core.ts'
export type { LiveProjectionReader, LiveProjectionSource, LiveStateOf, ProjectionFrame, WatchOptions } from './live/live-projection-source.ts'
export type { ClassProjectionOptions } from './live/class-live-projection.ts'
export { applyJsonPatch, diffJson, type JsonPatch, type JsonPatchOperation } from './live/json-patch.ts'
export {
  ConcurrencyError,
  DuplicateEventError,
  EventSourcingError,
  EventValidationError,
  IsolationError,
  isRetryable,
  type ConflictingEvent,
} from './errors.ts'
export { EVENT_SOURCING_ERROR_CODES, type EventSourcingErrorCode } from './error-codes.ts'
export { DEFAULT_LIMITS, type EventSourcingLimits } from './limits.ts'
