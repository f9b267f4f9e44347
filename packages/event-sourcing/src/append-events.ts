import { DuplicateEventError, ConcurrencyError, EventSourcingError } from './errors.ts'
import type { Projection } from './define-projection.ts'
import type { AppendCondition, AppendOptions, AppendResult, ClientInternals } from './event-client.ts'
import type { EventMetadata, GenericEventBase, InputOf } from './event-types.ts'
import { updateInline, inlineLocks } from './projections/inline-projections.ts'
import { normalizeQuery } from './query.ts'
import type { AppendOutcome, AppendRequest, ConditionItem, EventStore, NewEvent } from './store.ts'
import { nextUlid } from './ulid.ts'

export interface AppendContext extends ClientInternals {
  readonly inline: readonly Projection<unknown, never>[]
}

type EventInput = InputOf<GenericEventBase>

/** Checks, stores and decodes; the one way in for every write. */
export async function appendEvents(
  context: AppendContext,
  inputs: readonly EventInput[],
  options: AppendOptions,
): Promise<AppendResult<GenericEventBase>> {
  const { store, codec, limits, waker } = context
  if (inputs.length === 0) return { events: [], position: 0, isReplay: false }
  if (inputs.length > limits.maxEventsPerAppend) {
    throw new EventSourcingError(
      'limit_exceeded',
      `An append of ${inputs.length} events is over the limit of ${limits.maxEventsPerAppend} (maxEventsPerAppend). Split it.`,
    )
  }
  const condition = options.condition === undefined ? undefined : await resolveCondition(store, options.condition, options.tx)
  const events: NewEvent[] = []
  for (const input of inputs) events.push(await encodeEvent(context, input, options.metadata))
  const request: AppendRequest = {
    events,
    ...(condition === undefined ? {} : { condition }),
    ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
  }
  const outcome = await runAppend(context, request, options.tx)
  if (outcome.kind === 'conflict') throw new ConcurrencyError(outcome.conflicting)
  const stored = outcome.events.map((event) => codec.decode(event))
  if (outcome.kind === 'duplicate') checkReplay(events, stored, request.idempotencyKey)
  // Within a caller's transaction nobody can see them before it commits.
  if (options.tx === undefined) waker.wake()
  return { events: stored, position: stored.at(-1)?.position ?? 0, isReplay: outcome.kind === 'duplicate' }
}

async function runAppend(context: AppendContext, request: AppendRequest, tx: unknown): Promise<AppendOutcome> {
  const { store, inline } = context
  const locks = inlineLocks(inline, request.events)
  if (locks.length === 0) return store.append(request, tx)
  const run = async (inner: unknown): Promise<AppendOutcome> => {
    const outcome = await store.append({ ...request, locks }, inner)
    if (outcome.kind === 'appended') await updateInline(context, outcome.events, inner)
    return outcome
  }
  return tx === undefined ? store.transaction(run) : run(tx)
}

async function encodeEvent({ codec, limits }: AppendContext, input: EventInput, metadata: EventMetadata | undefined): Promise<NewEvent> {
  if (typeof input.type !== 'string' || input.type === '') throw new TypeError('An event needs a type.')
  const { data, schemaVersion } = await codec.encode(input.type, input.data)
  const json = JSON.stringify(data)
  if (json === undefined) throw new TypeError(`The data of event "${input.type}" is nothing that JSON can hold.`)
  const byteLength = new TextEncoder().encode(json).length
  if (byteLength > limits.maxEventBytes) {
    throw new EventSourcingError(
      'limit_exceeded',
      `The data of event "${input.type}" has ${byteLength} bytes, over the limit of ${limits.maxEventBytes} (maxEventBytes). Store a reference instead.`,
    )
  }
  const merged = metadata === undefined && input.metadata === undefined ? null : { ...metadata, ...input.metadata }
  // What comes back is what is stored: dates and undefined fields have become what JSON makes of them.
  const event = { id: input.id ?? nextUlid(), type: input.type, data: JSON.parse(json) as unknown, metadata: merged, schemaVersion }
  return input.createdAt === undefined ? event : { ...event, createdAt: input.createdAt }
}

async function resolveCondition(store: EventStore, { failIfEventsMatch, after }: AppendCondition, tx: unknown): Promise<ConditionItem[]> {
  const given = Array.isArray(failIfEventsMatch) ? failIfEventsMatch : [failIfEventsMatch]
  const items = normalizeQuery(given, 'condition')
  const common = typeof after === 'string' ? await positionOf(store, after, tx) : checkPosition(after ?? 0)
  return items.map((item, index) => ({ ...item, after: checkPosition(given[index]?.after ?? common) }))
}

/** A condition that looks from nowhere on would hold whatever is there. */
function checkPosition(after: number): number {
  if (Number.isSafeInteger(after) && after >= 0) return after
  throw new TypeError(`\`after\` is ${after}. Give the position of an event, a whole number from 0 on, or its id.`)
}

/** @throws {EventSourcingError} `unknown_event` when there is no such event. */
export async function positionOf(store: EventStore, eventId: string, tx?: unknown): Promise<number> {
  const position = await store.positionOf(eventId, tx)
  if (position === undefined) throw new EventSourcingError('unknown_event', `There is no event "${eventId}" to go on from.`)
  return position
}

function checkReplay(
  given: readonly NewEvent[],
  stored: readonly { readonly type: string; readonly data: unknown }[],
  key: string | undefined,
): void {
  const isSame =
    given.length === stored.length &&
    given.every((event, index) => event.type === stored[index]?.type && canonical(event.data) === canonical(stored[index]?.data))
  if (isSame) return
  throw new DuplicateEventError('idempotency_mismatch', `Idempotency key "${key ?? ''}" was used before, for other events. Nothing was stored.`)
}

/** JSON with sorted keys: jsonb keeps no order of keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
