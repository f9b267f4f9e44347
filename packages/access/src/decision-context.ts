import type { KeySets } from './key-set.ts'

/** `client.$auth`: whatever the application put there. `null` is nobody. */
export type Auth = Readonly<Record<string, unknown>> | null

/** Who asks, and when. */
export interface DecisionContext {
  readonly auth: Auth
  /** Milliseconds since 1970; what `now()` means in policies. */
  readonly now: number
  /** Keys that this identity reaches by membership, by {@link KeySetSpec.id}. Without one, the predicate asks the database. */
  readonly keySets?: KeySets
}
