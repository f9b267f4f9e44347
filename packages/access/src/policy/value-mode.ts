import type { BinaryExpression, Expression } from '@zenstackhq/schema'
import { leaveToDatabase } from './policy-scope.ts'

export interface ValueContext {
  readonly auth: unknown
  readonly thisValue: unknown
  readonly bindings?: ReadonlyMap<string, unknown> | undefined
  readonly operation: string
  readonly thisType: string
}

type Fields = Readonly<Record<string, unknown>> | null | undefined

/**
 * Evaluates an expression as ZenStack does where no column is involved: JavaScript values and JavaScript's own operators. Two
 * equal Dates are therefore not equal, and `!null` is true.
 */
export function evaluateValue(expression: Expression, context: ValueContext): unknown {
  return evaluate(expression, context) ?? null
}

function evaluate(expression: Expression, context: ValueContext): unknown {
  switch (expression.kind) {
    case 'literal':
      return expression.value
    case 'null':
      return null
    case 'this':
      return context.thisValue
    case 'array':
      return expression.items.map((item) => evaluateValue(item, context))
    case 'field':
      return context.bindings?.has(expression.field) === true
        ? context.bindings.get(expression.field)
        : (context.thisValue as Fields)?.[expression.field]
    case 'member':
      return expression.members.reduce<unknown>((value, member) => (value as Fields)?.[member], evaluateValue(expression.receiver, context))
    case 'binding':
      return context.bindings?.has(expression.name) === true ? context.bindings.get(expression.name) : leaveToDatabase()
    case 'unary':
      return !evaluateValue(expression.operand, context)
    case 'call':
      return evaluateCall(expression.function, context)
    default:
      return evaluateBinary(expression, context)
  }
}

function evaluateCall(name: string, context: ValueContext): unknown {
  if (name === 'auth') return context.auth
  if (name === 'currentModel') return context.thisType
  if (name === 'currentOperation') return context.operation
  // ZenStack throws for every other function.
  return leaveToDatabase()
}

function evaluateBinary(expression: BinaryExpression, context: ValueContext): unknown {
  const { op } = expression
  if (op === '?' || op === '!' || op === '^') return evaluatePredicate(expression, context)
  const left = evaluateValue(expression.left, context)
  const right = evaluateValue(expression.right, context)
  if (op === '==') return left === right
  if (op === '!=') return left !== right
  if (left === null || right === null) return null
  // JavaScript's own comparison of whatever the application put into `auth()`.
  const [a, b] = [left as number, right as number]
  switch (op) {
    case '<':
      return a < b
    case '<=':
      return a <= b
    case '>':
      return a > b
    case '>=':
      return a >= b
    case '&&':
      return left && right
    case '||':
      return left || right
    default:
      return Array.isArray(right) ? right.includes(left) : leaveToDatabase()
  }
}

function evaluatePredicate(expression: BinaryExpression, context: ValueContext): unknown {
  const list = evaluateValue(expression.left, context)
  if (list === null) return null
  if (!Array.isArray(list)) return leaveToDatabase()
  const holds = (item: unknown): unknown => {
    const bindings = expression.binding === undefined ? context.bindings : new Map(context.bindings).set(expression.binding, item)
    return evaluateValue(expression.right, { ...context, thisValue: item, bindings })
  }
  if (expression.op === '?') return list.some((item) => Boolean(holds(item)))
  return expression.op === '!' ? list.every((item) => Boolean(holds(item))) : !list.some((item) => Boolean(holds(item)))
}
