import type { StoredScalar } from '@zenstack-live/model'

/** How Postgres sees the values of one column: what is equal, and what comes first. */
export interface Domain<Value = unknown> {
  /** A value of a filter or of `auth()`, as the parameter becomes in Postgres; `undefined` when only Postgres knows. */
  ofInput(input: unknown): Value | undefined
  /** A value of the row, never NULL. */
  ofStored(stored: StoredScalar): Value
  equals(a: Value, b: Value): boolean
  /** Absent where the order is not known here. */
  compare?(a: Value, b: Value): number
}
