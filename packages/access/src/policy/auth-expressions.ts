import type { BinaryExpression, Expression } from '@zenstackhq/schema'
import type { Condition } from '../condition.ts'
import { mayFail, type AuthCheck, type Instant } from '../plan-notes.ts'
import { soonest } from '../soonest.ts'
import { and, not, or, type Truth } from '../truth.ts'
import { isAuth } from './operand.ts'
import { leaveToDatabase, type PolicyContext, type PolicyScope } from './policy-scope.ts'
import { evaluateValue } from './value-mode.ts'

export type Compile = (scope: PolicyScope, expression: Expression) => Condition

export function isAuthMember(expression: Expression): expression is Extract<Expression, { kind: 'member' }> {
  return expression.kind === 'member' && isAuth(expression.receiver)
}

/** `auth()` against null is a constant; against a row it compares every id of the auth model. */
export function compileAuthComparison(scope: PolicyScope, expression: BinaryExpression, compile: Compile): Condition {
  const { op } = expression
  if (op !== '==' && op !== '!=') return mayFail(scope.notes, `policy: auth() ${op}`)
  const [authSide, other] = isAuth(expression.left) ? [expression.left, expression.right] : [expression.right, expression.left]
  if (other.kind === 'null') {
    scope.notes.authPaths.add('')
    return op === '==' ? (_row, context) => !context.auth : (_row, context) => Boolean(context.auth)
  }
  const authModel = scope.data.schema.models[scope.data.schema.authType ?? '']
  const ids = Object.values(authModel?.fields ?? {}).filter((field) => field.id === true)
  if (ids.length === 0) return mayFail(scope.notes, 'policy: auth() compared with a row, but the auth type is no model')
  const equals = ids
    .map((id): Expression => ({
      kind: 'binary',
      op: '==',
      left: { kind: 'member', receiver: authSide, members: [id.name] },
      right: memberOf(other, id.name),
    }))
    .reduce((left, right) => ({ kind: 'binary', op: '&&', left, right }))
  return compile(scope, op === '==' ? equals : { kind: 'unary', op: '!', operand: equals })
}

function memberOf(other: Expression, name: string): Expression {
  return other.kind === 'member' ? { ...other, members: [...other.members, name] } : { kind: 'member', receiver: other, members: [name] }
}

/**
 * `auth().list?[…]`. Without `this` in it, ZenStack evaluates it as plain JavaScript; with `this`, it is unrolled item by item
 * into SQL. A missing list is NULL for all three quantifiers.
 */
export function compileAuthPredicate(scope: PolicyScope, expression: BinaryExpression, compile: Compile): Condition {
  const { left, op } = expression
  if (left.kind !== 'member' && left.kind !== 'field') return mayFail(scope.notes, 'policy: a predicate over this')
  notePaths(scope, expression)
  const itemType = typeOf(scope, left)
  if (itemType === undefined) return mayFail(scope.notes, 'policy: a predicate over an unknown list')
  const receiverOf = (context: PolicyContext): unknown => evaluateValue(left, valueContext(scope, context))
  if (!mentionsThis(expression.right)) {
    const truth = (context: PolicyContext): boolean | null => {
      if (!receiverOf(context)) return null
      const value = evaluateValue(expression, valueContext(scope, context))
      return typeof value === 'boolean' || value === null ? value : leaveToDatabase()
    }
    scope.notes.authChecks.push(truth)
    return (_row, context) => truth(context)
  }
  const bindings = new Map(scope.bindings)
  if (expression.binding !== undefined) bindings.set(expression.binding, itemType)
  const itemChecks: AuthCheck[] = []
  const itemInstants: Instant[] = []
  const notes = { ...scope.notes, authChecks: itemChecks, instants: itemInstants }
  const predicate = compile({ ...scope, notes, itemType, bindings }, expression.right)
  // Flags are copied by value: what the predicate found out holds for the whole.
  scope.notes.mayFail ||= notes.mayFail
  scope.notes.readsNow ||= notes.readsNow
  const items = itemsOf(expression.binding, receiverOf)
  scope.notes.authChecks.push((context) => {
    for (const inner of items(context) ?? []) for (const check of itemChecks) check(inner)
  })
  scope.notes.instants.push(...itemInstants.map((instant) => ofAnyItem(instant, items)))
  return unrolled(op, items, predicate)
}

/** The next of the times that the items of a list hold. */
function ofAnyItem(instant: Instant, items: (context: PolicyContext) => readonly PolicyContext[] | null): Instant {
  if (instant.field !== undefined) return instant
  return {
    field: undefined,
    at: (row, context) =>
      soonest(
        (items(context) ?? []).map((inner) => instant.at(row, inner)),
        context.now,
      ),
  }
}

/** One context for each item of the list; `null` without a list. */
function itemsOf(
  binding: string | undefined,
  receiverOf: (context: PolicyContext) => unknown,
): (context: PolicyContext) => readonly PolicyContext[] | null {
  return (context) => {
    const receiver = receiverOf(context)
    if (!receiver) return null
    if (!Array.isArray(receiver)) return leaveToDatabase()
    return (receiver as unknown[]).map((item) => {
      // ZenStack takes the columns of the table for members of an item that is not there.
      if (typeof item !== 'object' || item === null) return leaveToDatabase()
      const bindings = binding === undefined ? (context.bindings ?? new Map<string, unknown>()) : new Map(context.bindings).set(binding, item)
      return { ...context, item, bindings }
    })
  }
}

function unrolled(op: string, items: (context: PolicyContext) => readonly PolicyContext[] | null, predicate: Condition): Condition {
  return (row, context: PolicyContext) => {
    const contexts = items(context)
    if (contexts === null) return null
    let result: Truth = op === '!'
    for (const inner of contexts) {
      const truth = predicate(row, inner)
      result = op === '!' ? and(result, truth) : or(result, truth)
    }
    return op === '^' ? not(result) : result
  }
}

function valueContext(scope: PolicyScope, context: PolicyContext): Parameters<typeof evaluateValue>[1] {
  return { auth: context.auth, thisValue: context.item, bindings: context.bindings, operation: scope.operation, thisType: scope.model.name }
}

function typeOf(scope: PolicyScope, left: Extract<Expression, { kind: 'member' | 'field' }>): string | undefined {
  const { schema } = scope.data
  let type: string | undefined = isAuthMember(left) ? schema.authType : scope.itemType
  if (left.kind === 'member' && left.receiver.kind === 'binding') type = scope.bindings?.get(left.receiver.name)
  for (const member of left.kind === 'field' ? [left.field] : left.members) {
    type = type === undefined ? undefined : (schema.models[type] ?? schema.typeDefs?.[type])?.fields[member]?.type
  }
  return type
}

function notePaths(scope: PolicyScope, expression: Expression): void {
  visit(expression, (each) => {
    if (isAuthMember(each)) scope.notes.authPaths.add(each.members.join('.'))
    else if (isAuth(each)) scope.notes.authPaths.add('')
  })
}

function mentionsThis(expression: Expression): boolean {
  let found = false
  visit(expression, (each) => {
    if (each.kind === 'this') found = true
  })
  return found
}

/** Calls `see` for the expression and all within it. */
export function visit(expression: Expression, see: (each: Expression) => void): void {
  see(expression)
  switch (expression.kind) {
    case 'array':
      for (const item of expression.items) visit(item, see)
      break
    case 'member':
      visit(expression.receiver, see)
      break
    case 'call':
      for (const arg of expression.args ?? []) visit(arg, see)
      break
    case 'unary':
      visit(expression.operand, see)
      break
    case 'binary':
      visit(expression.left, see)
      visit(expression.right, see)
      break
    default:
  }
}
