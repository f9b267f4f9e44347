import type { BinaryExpression, Expression } from '@zenstackhq/schema'
import { allOf, anyOf, FALSE, notOf, TRUE, type Condition } from '../condition.ts'
import { askDatabase, mayFail } from '../plan-notes.ts'
import { compileAuthComparison, compileAuthPredicate, isAuthMember } from './auth-expressions.ts'
import { compileComparison } from './comparison.ts'
import { compileFunction } from './functions.ts'
import { compileMembership } from './membership.ts'
import { compileOperand, isAuth } from './operand.ts'
import { leaveToDatabase, type PolicyContext, type PolicyScope } from './policy-scope.ts'
import { compileRelationPredicate } from './relation-predicate.ts'

/** Compiles an expression that stands for true or false. */
export function compileExpression(scope: PolicyScope, expression: Expression): Condition {
  switch (expression.kind) {
    case 'literal':
      return expression.value === true ? TRUE : expression.value === false ? FALSE : mayFail(scope.notes, 'policy: a literal that is not a boolean')
    case 'unary':
      return notOf(compileExpression(scope, expression.operand))
    case 'binary':
      return compileBinary(scope, expression)
    case 'call':
      return compileFunction(scope, expression)
    case 'field':
    case 'member':
      return compileTruth(scope, expression)
    case 'null':
      return () => null
    default:
      return mayFail(scope.notes, `policy: bare ${expression.kind}`)
  }
}

function compileBinary(scope: PolicyScope, expression: BinaryExpression): Condition {
  const { op, left, right } = expression
  switch (op) {
    case '&&':
      return allOf([compileExpression(scope, left), compileExpression(scope, right)])
    case '||':
      return anyOf([compileExpression(scope, left), compileExpression(scope, right)])
    case '?':
    case '!':
    case '^':
      return isAuthMember(left) || (scope.itemType !== undefined && !isThisMember(left))
        ? compileAuthPredicate(scope, expression, compileExpression)
        : compileRelationPredicate(scope, expression, compileExpression)
    default:
      if (isAuth(left) || isAuth(right)) return compileAuthComparison(scope, expression, compileExpression)
      return op === 'in'
        ? compileMembership(scope, compileOperand(scope, left), compileOperand(scope, right))
        : compileComparison(scope, compileOperand(scope, left), op, compileOperand(scope, right))
  }
}

function isThisMember(expression: Expression): boolean {
  return expression.kind === 'member' && expression.receiver.kind === 'this'
}

/** A column or a member of `auth()` that is itself true or false. */
function compileTruth(scope: PolicyScope, expression: Expression): Condition {
  const operand = compileOperand(scope, expression)
  if (operand.kind === 'column' && operand.field.type === 'Boolean' && !operand.field.isList) {
    return (row) => operand.read(row) as boolean | null | undefined
  }
  if (operand.kind === 'value' && !operand.isList && operand.type === 'Boolean') {
    const truth = (context: PolicyContext): boolean | null => {
      const sent = operand.read(context)
      return typeof sent === 'boolean' || sent === null ? sent : leaveToDatabase()
    }
    scope.notes.authChecks.push(truth)
    return (_row, context) => truth(context)
  }
  if (operand.kind === 'unknown') return operand.mayFail ? mayFail(scope.notes, operand.reason) : askDatabase(scope.notes, operand.reason)
  return mayFail(scope.notes, 'policy: a condition that is not a boolean')
}
