import type { DataModel, Model } from '@zenstack-live/model'
import type { DecisionContext } from '../decision-context.ts'
import type { PlanNotes } from '../plan-notes.ts'

/** Where an expression of a policy stands. */
export interface PolicyScope {
  readonly data: DataModel
  readonly notes: PlanNotes
  /** The model whose columns fields and `this` mean. */
  readonly model: Model
  readonly operation: string
  /** Inside a predicate over a list of `auth()` that is unrolled item by item: the type of the items. Fields then mean the item's. */
  readonly itemType?: string
  /** Named items of enclosing predicates, by the type each has. */
  readonly bindings?: ReadonlyMap<string, string>
}

/** What a policy is decided in: the context, and the items of the lists it is inside of. */
export interface PolicyContext extends DecisionContext {
  readonly item?: unknown
  readonly bindings?: ReadonlyMap<string, unknown>
}

const UNDECIDABLE = new Error('Only the database can decide this.')

/**
 * Leaves the decision of the whole query to the database: it may fail there, and then no row has an answer.
 *
 * @throws {Error} always; {@link isUndecidable} knows it
 */
export function leaveToDatabase(): never {
  throw UNDECIDABLE
}

export function isUndecidable(error: unknown): boolean {
  return error === UNDECIDABLE
}
