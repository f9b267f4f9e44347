import type { Expression } from '@zenstackhq/schema'
import { presentValue, type StoredScalar } from '@zenstack-live/model'
import type { Auth } from '../decision-context.ts'
import { compileOperand, isAuth, type ColumnOperand, type Operand, type ValueOperand } from './operand.ts'
import { isUndecidable, type PolicyScope } from './policy-scope.ts'

/** A predicate as a ZenStack `where`. */
export interface KeyWhere {
  /** Some value of `auth()` must be equal in every row: the set is that identity's own. */
  readonly isBounded: boolean
  of(auth: Auth): Record<string, unknown> | undefined
}

/** Nobody: the filter that no row passes. */
const NO_ROW = { OR: [] }
/** Not `{}`, which ZenStack drops from among others. */
const EVERY_ROW = { AND: [] }

/** The same meaning in ZenStack's filters; `undefined` for what they cannot say exactly. */
export function compileKeyWhere(scope: PolicyScope, expression: Expression): KeyWhere | undefined {
  if (expression.kind === 'binary' && (expression.op === '&&' || expression.op === '||'))
    return combined(scope, expression.op, expression.left, expression.right)
  if (expression.kind === 'binary' && expression.op === '==') {
    const { left, right } = expression
    if (isAuth(left) || isAuth(right)) return authRow(scope, isAuth(left) ? right : left)
    return equality(scope, compileOperand(scope, left), compileOperand(scope, right), mentionsAuth(left) || mentionsAuth(right))
  }
  if (expression.kind === 'binary' && expression.op === 'in')
    return inList(scope, compileOperand(scope, expression.left), compileOperand(scope, expression.right))
  if (expression.kind === 'unary') {
    const operand = compileOperand(scope, expression.operand)
    return isFlag(operand) ? { isBounded: false, of: () => ({ [operand.name]: false }) } : undefined
  }
  if (expression.kind === 'literal' && expression.value === true) return { isBounded: false, of: () => EVERY_ROW }
  const operand = expression.kind === 'field' || expression.kind === 'member' ? compileOperand(scope, expression) : undefined
  return operand !== undefined && isFlag(operand) ? { isBounded: false, of: () => ({ [operand.name]: true }) } : undefined
}

function combined(scope: PolicyScope, op: '&&' | '||', left: Expression, right: Expression): KeyWhere | undefined {
  const [one, other] = [compileKeyWhere(scope, left), compileKeyWhere(scope, right)]
  if (one === undefined || other === undefined) return undefined
  return {
    isBounded: op === '&&' ? one.isBounded || other.isBounded : one.isBounded && other.isBounded,
    of(auth) {
      const [a, b] = [one.of(auth), other.of(auth)]
      return a === undefined || b === undefined ? undefined : { [op === '&&' ? 'AND' : 'OR']: [a, b] }
    },
  }
}

/** `user == auth()`: every id of the auth model. */
function authRow(scope: PolicyScope, other: Expression): KeyWhere | undefined {
  const ids = Object.values(scope.data.schema.models[scope.data.schema.authType ?? '']?.fields ?? {}).filter((field) => field.id === true)
  const parts = ids.map((id) => {
    const member: Expression =
      other.kind === 'member' ? { ...other, members: [...other.members, id.name] } : { kind: 'member', receiver: other, members: [id.name] }
    const own: Expression = { kind: 'member', receiver: { kind: 'call', function: 'auth' }, members: [id.name] }
    return equality(scope, compileOperand(scope, member), compileOperand(scope, own), true)
  })
  if (parts.length === 0 || parts.includes(undefined)) return undefined
  return {
    isBounded: true,
    of(auth) {
      const all = parts.map((part) => part?.of(auth))
      return all.includes(undefined) ? undefined : { AND: all }
    },
  }
}

function equality(scope: PolicyScope, left: Operand, right: Operand, isAuthValue: boolean): KeyWhere | undefined {
  const [column, value] = left.kind === 'column' ? [left, right] : [right, left]
  if (column.kind !== 'column' || value.kind !== 'value' || value.isList || !isPlain(column)) return undefined
  // The operand may stand for the other side's id; the columns that are asked are these.
  const { name, others = [] } = column
  const nullable = [name, ...others].filter((each) => scope.model.fields.get(each)?.isOptional === true)
  return {
    isBounded: isAuthValue,
    of(auth) {
      const sent = readValue(value, auth)
      if (sent === undefined) return undefined
      // Against null the predicate asks for NULL, which a column that is never NULL cannot have.
      if (sent === null) return { OR: nullable.map((each) => ({ [each]: null })) }
      return fits(column, sent) ? ofWholeKey(column, scope, memberOf(column, sent)) : undefined
    },
  }
}

/** A column's value; where it stands for a key of several columns, none of them may be NULL. */
function ofWholeKey({ name, others = [] }: ColumnOperand, scope: PolicyScope, value: unknown): Record<string, unknown> {
  const nullable = others.filter((each) => scope.model.fields.get(each)?.isOptional === true)
  return nullable.length === 0 ? { [name]: value } : { [name]: value, AND: nullable.map((each) => ({ [each]: { not: null } })) }
}

function inList(scope: PolicyScope, left: Operand, right: Operand): KeyWhere | undefined {
  if (left.kind !== 'column' || right.kind !== 'value' || !right.isList || !isPlain(left) || left.field.labels?.isMapped === true) return undefined
  return {
    isBounded: false,
    of(auth) {
      const list = readValue(right, auth)
      if (list === null) return NO_ROW
      return Array.isArray(list) && list.every((item) => fits(left, item)) ? ofWholeKey(left, scope, { in: list as unknown[] }) : undefined
    },
  }
}

/** Types for which a filter's equality is the policy's. */
function isPlain(column: ColumnOperand): boolean {
  const { type, columnType, isList } = column.field
  return !isList && (type === 'Enum' || ['text', 'varchar', 'uuid', 'int2', 'int4', 'int8', 'bool'].includes(columnType))
}

function fits(column: ColumnOperand, sent: unknown): boolean {
  switch (column.field.type) {
    case 'Int':
      return Number.isInteger(sent) && Math.abs(sent as number) < 2 ** 31
    case 'BigInt':
      return typeof sent === 'bigint' || Number.isSafeInteger(sent)
    case 'Boolean':
      return typeof sent === 'boolean'
    case 'Enum':
      return typeof sent === 'string' && column.field.labels?.labelOf.has(sent) === true
    default:
      // A uuid that is not written in lower case equals its text in no policy, but itself in a filter.
      return typeof sent === 'string' && (column.field.columnType !== 'uuid' || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(sent))
  }
}

function memberOf(column: ColumnOperand, sent: unknown): unknown {
  return column.field.type === 'Enum' ? presentValue(column.field, column.field.labels?.labelOf.get(sent as string) ?? (sent as StoredScalar)) : sent
}

function readValue(value: ValueOperand, auth: Auth): unknown {
  try {
    return value.read({ auth, now: 0 })
  } catch (error) {
    if (isUndecidable(error)) return undefined
    throw error
  }
}

function isFlag(operand: Operand): operand is ColumnOperand {
  return operand.kind === 'column' && operand.field.type === 'Boolean' && !operand.field.isList
}

function mentionsAuth(expression: Expression): boolean {
  return expression.kind === 'member' && isAuth(expression.receiver)
}
