import type { Auth, DecisionContext } from './decision-context.ts'
import type { AuthCheck } from './plan-notes.ts'
import { isUndecidable } from './policy/policy-scope.ts'

/**
 * Whether all values of an `auth()` can be sent as policies send them. That never changes for one `auth()`, and thousands of them take
 * turns at one change, so each is looked at once: looking anew was over half of what a decision cost.
 */
export function createAuthFitness(checks: readonly AuthCheck[]): (context: DecisionContext) => boolean {
  if (checks.length === 0) return () => true
  const known = new WeakMap<NonNullable<Auth>, boolean>()
  return (context) => {
    const { auth } = context
    if (auth === null) return passes(checks, context)
    const before = known.get(auth)
    if (before !== undefined) return before
    const isFit = passes(checks, context)
    known.set(auth, isFit)
    return isFit
  }
}

function passes(checks: readonly AuthCheck[], context: DecisionContext): boolean {
  try {
    for (const check of checks) check(context)
    return true
  } catch (error) {
    if (isUndecidable(error)) return false
    throw error
  }
}
