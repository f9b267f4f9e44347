import type { BinaryExpression } from '@zenstackhq/schema'
import type { Condition } from '../condition.ts'
import { askDatabase } from '../plan-notes.ts'
import type { Compile } from './auth-expressions.ts'
import type { PolicyScope } from './policy-scope.ts'

/** A predicate over related rows. */
export function compileRelationPredicate(scope: PolicyScope, _expression: BinaryExpression, _compile: Compile): Condition {
  return askDatabase(scope.notes, 'policy: a predicate over related rows')
}
