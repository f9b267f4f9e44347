import type { StoredRow, StoredScalar } from '@zenstack-live/model'
import { Decimal } from 'decimal.js'
import { allOf, FALSE, notOf, TRUE, type Condition } from '../condition.ts'
import type { Domain } from '../domain/domain.ts'
import { askDatabase, mayFail } from '../plan-notes.ts'
import type { Truth } from '../truth.ts'
import type { FilterScope } from './field-filter.ts'
import { orderTest } from './operator-tests.ts'

/** Operators that mean the same for every ordered type. */
export const STANDARD_OPERATORS = ['equals', 'in', 'notIn', 'lt', 'lte', 'gt', 'gte', 'between', 'not'] as const
export type StandardOperator = (typeof STANDARD_OPERATORS)[number]

/** A filter object, as opposed to a value: Date, Decimal and Uint8Array are values. */
export function isFilterObject(payload: unknown): payload is Record<string, unknown> {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return false
  return !(payload instanceof Date || payload instanceof Uint8Array || Decimal.isDecimal(payload))
}

/** A value, or an object of operators, over a column of this domain. */
export function compileStandardFilter(scope: FilterScope, domain: Domain, payload: unknown): Condition {
  const recurse = (inner: unknown): Condition => compileStandardFilter(scope, domain, inner)
  if (!isFilterObject(payload)) return compileOperator(scope, domain, 'equals', payload, recurse)
  const conditions = Object.entries(payload).map(([operator, value]) => {
    if (value === undefined) return TRUE
    // The operator's name is checked by the switch of the callee.
    return compileOperator(scope, domain, operator as StandardOperator, value, recurse)
  })
  return allOf(conditions)
}

/** @param recurse - compiles what stands under `not` */
export function compileOperator(
  scope: FilterScope,
  domain: Domain,
  operator: StandardOperator,
  value: unknown,
  recurse: (inner: unknown) => Condition,
): Condition {
  const { name } = scope.field
  if (operator === 'not') return notOf(recurse(value))
  if (operator === 'equals' && value === null) return isNullIn(name)
  if (operator === 'in') return compileIn(scope, domain, value)
  if (operator === 'notIn') return notOf(compileIn(scope, domain, value))
  const operands = (operator === 'between' ? asList(value) : [value]).map((each) => domain.ofInput(each))
  const [first, second] = operands
  if (first === undefined || operands.includes(undefined)) return mayFail(scope.notes, `where: a value of "${name}" that only Postgres can read`)
  if (operator === 'equals') return overValue(domain, name, (stored) => domain.equals(stored, first))
  const { compare } = domain
  if (compare === undefined) return askDatabase(scope.notes, `where: the order of "${name}" is that of its collation`)
  const test = orderTest(compare, operator, first, second)
  if (test === undefined) return mayFail(scope.notes, `where: unknown operator "${operator.slice(0, 40)}"`)
  return overValue(domain, name, test)
}

/** An empty list is false even for NULL, and its negation true. */
function compileIn(scope: FilterScope, domain: Domain, value: unknown): Condition {
  const list = asList(value)
  if (list.length === 0) return FALSE
  const operands = list.map((each) => domain.ofInput(each))
  if (operands.includes(undefined)) return mayFail(scope.notes, `where: a value of "${scope.field.name}" that only Postgres can read`)
  const isPrimitive = operands.every((operand) => typeof operand === 'string' || typeof operand === 'bigint' || Number.isFinite(operand))
  if (!isPrimitive) return overValue(domain, scope.field.name, (stored) => operands.some((operand) => domain.equals(stored, operand)))
  const set = new Set(operands)
  return overValue(domain, scope.field.name, (stored) => set.has(stored))
}

/** Applies a test to the column's value: NULL gives NULL, an unknown value asks the database. */
export function overValue(domain: Domain, name: string, test: (stored: unknown) => Truth): Condition {
  return (row: StoredRow) => {
    const stored = row[name]
    if (stored === undefined || stored === null) return stored
    // Lists have filters of their own.
    return test(domain.ofStored(stored as StoredScalar))
  }
}

function isNullIn(name: string): Condition {
  return (row) => {
    const stored = row[name]
    return stored === undefined ? undefined : stored === null
  }
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value]
}
