import { EventSourcingError, EventValidationError } from './errors.ts'
import type { SchemaOutput, StandardSchema } from './standard-schema.ts'

/** How one type of event is checked when it is written, and brought up to date when it is read. */
export interface EventDefinition<Schema extends StandardSchema = StandardSchema> {
  /** What `data` has to be. Any Standard Schema: zod, valibot, arktype… */
  readonly schema: Schema
  /** The version of `data` that is written now. @defaultValue 1 */
  readonly version?: number
  /** For each older version the pure step to the next: `{ 1: fromV1ToV2, 2: fromV2ToV3 }`. */
  readonly upcast?: Readonly<Record<number, (data: unknown) => unknown>>
}

export type EventDefinitions = Readonly<Record<string, EventDefinition>>

/** The union of an application's events, from their definitions. */
export type EventOf<Definitions> = {
  [Type in keyof Definitions & string]: {
    id: string
    type: Type
    data: Definitions[Type] extends { readonly schema: infer Schema } ? SchemaOutput<Schema> : never
    createdAt: Date | null
    updatedAt: Date | null
  }
}[keyof Definitions & string]

/**
 * Declares an application's events in one place: their schemas, versions and upcasters.
 *
 * @throws {TypeError} when an upcaster is missing between version 1 and the present one.
 * @example
 * const shopEvents = defineEvents({
 *   CartCreated: { schema: z.object({ cartId: z.string(), userId: z.string() }) },
 *   ItemAdded: { schema: z.object({ cartId: z.string(), sku: z.string() }), version: 2, upcast: { 1: renameProductToSku } },
 * })
 * type ShopEvent = EventOf<typeof shopEvents>
 */
export function defineEvents<const Definitions extends EventDefinitions>(definitions: Definitions): Definitions {
  for (const [type, { version = 1, upcast: steps = {} }] of Object.entries(definitions)) {
    if (!Number.isInteger(version) || version < 1)
      throw new TypeError(`The version of event "${type}" is ${version}; versions are whole numbers from 1.`)
    for (let from = 1; from < version; from++) {
      if (typeof steps[from] !== 'function') throw new TypeError(`Event "${type}" is at version ${version} but has no upcaster from version ${from}.`)
    }
  }
  return definitions
}

/** Checks events on their way in and brings them up to date on their way out. */
export interface EventCodec {
  /** @throws {EventValidationError} when the schema refuses the data. */
  encode(type: string, data: unknown): Promise<{ data: unknown; schemaVersion: number }>
  /** @throws {EventSourcingError} `upcast_failed` when the stored version is newer than the definitions, or a step throws. */
  decode<Stored extends { readonly type: string; readonly data: unknown; readonly schemaVersion: number }>(event: Stored): Stored
}

/** Without definitions, data goes in and out as it is. */
export function createEventCodec(definitions: EventDefinitions | undefined): EventCodec {
  if (definitions === undefined) return { encode: async (_type, data) => ({ data, schemaVersion: 1 }), decode: (event) => event }
  return {
    async encode(type, data) {
      const definition = Object.hasOwn(definitions, type) ? definitions[type] : undefined
      if (definition === undefined) {
        throw new EventSourcingError('unknown_event_type', `Event type "${type}" is not defined. Defined are ${Object.keys(definitions).join(', ')}.`)
      }
      const result = await definition.schema['~standard'].validate(data)
      if (result.issues !== undefined) throw new EventValidationError(type, result.issues.map(plainIssue))
      return { data: result.value, schemaVersion: definition.version ?? 1 }
    },
    decode(event) {
      const definition = Object.hasOwn(definitions, event.type) ? definitions[event.type] : undefined
      // Events of types that were retired stay readable, for those who still know them.
      if (definition === undefined) return event
      const version = definition.version ?? 1
      return event.schemaVersion === version ? event : { ...event, data: upcast(event, definition, version), schemaVersion: version }
    },
  }
}

function upcast(
  event: { readonly type: string; readonly data: unknown; readonly schemaVersion: number },
  definition: EventDefinition,
  version: number,
): unknown {
  if (event.schemaVersion > version) {
    throw new EventSourcingError(
      'upcast_failed',
      `A stored "${event.type}" has version ${event.schemaVersion}, newer than the defined version ${version}. Deploy the newest definitions first.`,
    )
  }
  let data = event.data
  for (let from = event.schemaVersion; from < version; from++) {
    try {
      data = definition.upcast?.[from]?.(data)
    } catch (cause) {
      throw new EventSourcingError('upcast_failed', `The upcaster of "${event.type}" from version ${from} threw.`, { cause })
    }
  }
  return data
}

function plainIssue(issue: {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}): EventValidationError['issues'][number] {
  const path = issue.path?.map((step) => (typeof step === 'object' ? step.key : step))
  return path === undefined ? { message: issue.message } : { message: issue.message, path }
}
