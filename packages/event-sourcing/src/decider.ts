import type { DecisionModel } from './define-projection.ts'
import { conditionFrom, matchesItem } from './query.ts'
import type { ConditionItem, NormalItem, StoredEvent } from './store.ts'
import type { Identifier } from './table-config.ts'

// Each model keeps its own types; `never` accepts models of any events.
export type Models = Readonly<Record<string, DecisionModel<unknown, never>>>

/** The states of several models, under the models' names. */
export type StatesOf<M> = { readonly [Name in keyof M]: M[Name] extends { readonly initial: infer State } ? State : never }

/** Any event as it is written. */
export interface AnyEventInput {
  readonly type: string
  readonly data: unknown
}

/** A command's whole meaning: what it has to know, and what happens then. Pure. */
export interface Decider<Command, M extends Models, Input extends AnyEventInput = AnyEventInput> {
  /** What the decision rests on. Nothing else may change between reading it and storing the outcome. */
  models(command: Command): M
  /** The events to store, none when there is nothing to do. Throws to refuse. */
  decide(states: StatesOf<M>, command: Command): Input | readonly Input[]
}

/**
 * Declares a decider; `client.handle` runs it, `spec` tests it.
 *
 * @example
 * const checkOut = defineDecider({
 *   models: (command: { cartId: string }) => ({ cart: cart.for(command.cartId) }),
 *   decide: ({ cart }, { cartId }): ShopInput => {
 *     if (cart.isCheckedOut) throw new AlreadyCheckedOut()
 *     return { type: 'CartCheckedOut', data: { cartId } }
 *   },
 * })
 */
export function defineDecider<Command, const M extends Models, const Input extends AnyEventInput>(
  decider: Decider<Command, M, Input>,
): Decider<Command, M, Input> {
  return decider
}

/** An event as it is stored, and brought up to date: identifiers are those stored, whatever upcasters make of the data. */
export type Decode = (event: StoredEvent) => { readonly type: string; readonly data: unknown }

/** Every model folded over the events that are its own. */
export function foldModels<M extends Models>(models: M, events: readonly StoredEvent[], decode: Decode): StatesOf<M> {
  const states = Object.entries(models).map(([name, model]) => [name, foldModel(model, events, decode)])
  // Object.entries loses what StatesOf says; the names and states are exactly those of the models.
  return Object.fromEntries(states) as StatesOf<M>
}

export function foldModel<State>(model: DecisionModel<State, never>, events: readonly StoredEvent[], decode: Decode): State {
  let state = model.initial
  for (const event of events) {
    // The query names the types that evolve takes.
    if (model.items.some((item) => matchesItem(event, item))) state = model.evolve(state, decode(event) as never)
  }
  return state
}

/** The items of all models, for one read in one snapshot. */
export function itemsOfModels(models: Models): NormalItem[] {
  return Object.values(models).flatMap(({ items }) => [...items])
}

/** The condition under which a decision on these events still stands. */
export function decisionCondition(models: Models, events: readonly StoredEvent[], identifiers: readonly Identifier[]): ConditionItem[] {
  return conditionFrom(itemsOfModels(models), events, identifiers)
}
