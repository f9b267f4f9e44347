import type { StoredScalar } from '@zenstack-live/model'
import { allOf, TRUE, type Condition } from '../condition.ts'
import type { Domain } from '../domain/domain.ts'
import { mayFail } from '../plan-notes.ts'
import { elementDomainOf } from '../domain/element-domain.ts'
import type { Truth } from '../truth.ts'
import type { FilterScope } from './field-filter.ts'
import { isFilterObject } from './standard-filter.ts'

type ListTest = (list: readonly StoredScalar[]) => Truth

/** `equals`, `has`, `hasEvery`, `hasSome`, `isEmpty`. A list that is NULL in the database matches none of them, nor their negation. */
export function compileListFilter(scope: FilterScope, payload: unknown): Condition {
  const { field, notes } = scope
  if (field.typeDef !== undefined) return mayFail(notes, `where: list of "${field.typeDef}"`)
  if (!isFilterObject(payload)) return mayFail(notes, `where: "${field.name}" is a list`)
  const conditions = Object.entries(payload).map(([operator, value]) => {
    if (value === undefined) return TRUE
    if (operator === 'isEmpty') {
      // For these, ZenStack makes a text of the operand and then takes it for "not true".
      const isEmptyWanted = value === true && field.type !== 'Json' && field.type !== 'Decimal'
      return overList(field.name, (list) => (list.length === 0) === isEmptyWanted)
    }
    const domain = elementDomainOf(field)
    if (domain === undefined) return mayFail(notes, `where: list in a column of type ${field.columnType}[]`)
    const operands = (Array.isArray(value) && operator !== 'has' ? (value as unknown[]) : [value]).map((each) => domain.ofInput(each))
    if (operands.includes(undefined)) return mayFail(notes, `where: a value of "${field.name}" that only Postgres can read`)
    const test = listTest(operator, domain, operands)
    return test === undefined ? mayFail(notes, `where: unknown list operator "${operator.slice(0, 40)}"`) : overList(field.name, test)
  })
  return allOf(conditions)
}

function listTest(operator: string, domain: Domain, operands: readonly unknown[]): ListTest | undefined {
  const holds = (list: readonly StoredScalar[], operand: unknown): boolean =>
    list.some((item) => item !== null && domain.equals(domain.ofStored(item), operand))
  switch (operator) {
    case 'equals':
      return (list) =>
        list.length === operands.length && list.every((item, index) => item !== null && domain.equals(domain.ofStored(item), operands[index]))
    case 'has':
    case 'hasEvery':
      return (list) => operands.every((operand) => holds(list, operand))
    case 'hasSome':
      return (list) => operands.some((operand) => holds(list, operand))
    default:
      return undefined
  }
}

function overList(name: string, test: ListTest): Condition {
  return (row) => {
    const list = row[name]
    if (list === undefined || list === null) return list
    return test(list as readonly StoredScalar[])
  }
}
