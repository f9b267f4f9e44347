import type { StoredRow } from '@zenstack-live/model'
import { ASK, type Condition } from './condition.ts'
import type { KeySetSpec } from './key-set.ts'
import type { PolicyContext } from './policy/policy-scope.ts'

/** What a compiler learns on its way: shared by all parts of one plan. */
export interface PlanNotes {
  /** Fields that are read. */
  readonly fields: Set<string>
  /** Why the database must be asked. */
  readonly reasons: Set<string>
  /** Members of `auth()` that are read, as paths. */
  readonly authPaths: Set<string>
  readonly keySets: Map<string, KeySetSpec>
  readsNow: boolean
  /** Times that `now()` is compared with: when it passes one of them, the answer can change. */
  readonly instants: Instant[]
  /** The whole query may fail in the database, whatever this row is. */
  mayFail: boolean
  /**
   * Send every value of `auth()` as the statement would, and throw what {@link leaveToDatabase} throws when one does not fit: then the
   * whole statement may fail, also where a row's decision would never come to look at that value.
   */
  readonly authChecks: AuthCheck[]
}

export interface Instant {
  /** The field of the row that holds it; `undefined` where it is known without the row. */
  readonly field: string | undefined
  /** Microseconds; `undefined` for none. */
  at(row: StoredRow, context: PolicyContext): bigint | undefined
}

export type AuthCheck = (context: PolicyContext) => void

export function createPlanNotes(): PlanNotes {
  return {
    fields: new Set(),
    reasons: new Set(),
    authPaths: new Set(),
    keySets: new Map(),
    readsNow: false,
    instants: [],
    mayFail: false,
    authChecks: [],
  }
}

/** A condition that only the database can decide. */
export function askDatabase(notes: PlanNotes, reason: string): Condition {
  notes.reasons.add(reason)
  return ASK
}

/** A condition at which the database may refuse the whole query: no row of it is decided here. */
export function mayFail(notes: PlanNotes, reason: string): Condition {
  notes.mayFail = true
  return askDatabase(notes, reason)
}
