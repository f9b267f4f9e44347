import { appendEvents, type AppendContext } from './append-events.ts'
import { decisionCondition, foldModels, itemsOfModels, type AnyEventInput, type Decider, type Models, type StatesOf } from './decider.ts'
import { isRetryable } from './errors.ts'
import type { ClientInternals, HandleOptions, HandleResult } from './event-client.ts'
import type { GenericEventBase } from './event-types.ts'
import type { ConditionItem } from './store.ts'

/** Reads all models in one snapshot. */
export async function decideModels<M extends Models>(
  { store, codec }: ClientInternals,
  models: M,
  tx: unknown,
): Promise<{ states: StatesOf<M>; condition: ConditionItem[] }> {
  const events = await store.readSettled({ items: itemsOfModels(models) }, tx)
  return { states: foldModels(models, events, (event) => codec.decode(event)), condition: decisionCondition(models, events, store.identifiers) }
}

/** Reads, decides and appends, and does so again while others come between. */
export async function handleCommand<Command, M extends Models>(
  context: AppendContext,
  decider: Decider<Command, M>,
  command: Command,
  options: HandleOptions,
): Promise<HandleResult<GenericEventBase, StatesOf<M>>> {
  // A caller's transaction cannot be run again from here, and after an error of the database not be continued.
  const attempts = options.tx === undefined ? (options.retry ?? context.limits.maxAttempts - 1) + 1 : 1
  for (let attempt = 1; ; attempt++) {
    try {
      return await handleOnce(context, decider, command, options)
    } catch (error) {
      // Without a key it is not known whether a lost connection lost the events too.
      const isSafe = isRetryable(error) && (options.idempotencyKey !== undefined || Reflect.get(Object(error), 'code') !== 'connection_lost')
      if (!isSafe || attempt >= attempts) throw error
      await pauseBefore(attempt, context.limits.retryDelayMs)
    }
  }
}

async function handleOnce<Command, M extends Models>(
  context: AppendContext,
  decider: Decider<Command, M>,
  command: Command,
  { idempotencyKey, metadata, tx }: HandleOptions,
): Promise<HandleResult<GenericEventBase, StatesOf<M>>> {
  const { states, condition } = await decideModels(context, decider.models(command), tx)
  if (idempotencyKey !== undefined) {
    // The command may refuse itself the second time: what it did the first time is the answer.
    const done = await context.store.findByKey(idempotencyKey, tx)
    if (done.length > 0)
      return { events: done.map((event) => context.codec.decode(event)), position: done.at(-1)?.position ?? 0, isReplay: true, states }
  }
  const outcome: AnyEventInput | readonly AnyEventInput[] = decider.decide(states, command)
  const inputs = isList(outcome) ? outcome : [outcome]
  const failIfEventsMatch = condition
  const result = await appendEvents(context, inputs, {
    ...(failIfEventsMatch.length === 0 ? {} : { condition: { failIfEventsMatch } }),
    idempotencyKey,
    metadata,
    tx,
  })
  return { ...result, states }
}

/** Full jitter: those who collided once should not collide again. */
async function pauseBefore(attempt: number, delayMs: number): Promise<void> {
  const ms = Math.random() * delayMs * 2 ** attempt
  await new Promise((resolve) => setTimeout(resolve, ms))
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}
