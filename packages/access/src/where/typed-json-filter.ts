import { Decimal } from 'decimal.js'
import type { FieldDef, SchemaDef } from '@zenstackhq/schema'
import { allOf, FALSE, notOf, TRUE, type Condition } from '../condition.ts'
import { plainText } from '../domain/text.ts'
import { numericInput } from '../domain/number.ts'
import { isNullMarker } from '../json/json-input.ts'
import { compareNumbers, isJsonObject, isNumber, scalarText, type JsonNumber } from '../json/json-value.ts'
import { mayFail } from '../plan-notes.ts'
import type { Truth } from '../truth.ts'
import type { FilterScope } from './field-filter.ts'
import { atPlace, compileEquals, compilePlainJson, JSON_KEYS, jsonScopeOf, sourceOf, type JsonScope, type JsonSource } from './json-filter.ts'
import { isFilterObject } from './standard-filter.ts'
import { compileTextFilter, type TextSource } from './text-filter.ts'

/** A filter of a field declared as `type … @json`: by its members, by `is`/`isNot`, or as plain JSON. */
export function compileTypedJsonFilter(scope: FilterScope, payload: unknown): Condition {
  const { field, notes } = scope
  if (field.columnType !== 'jsonb' || field.typeDef === undefined) return mayFail(notes, `where: a filter on a column of type ${field.columnType}`)
  const json = jsonScopeOf(scope)
  const source = sourceOf(field)
  if (isNullMarker(payload)) return compileEquals(json, source, payload)
  // Only the whole field is asked as plain JSON; further in, these are names of members like others.
  if (isFilterObject(payload) && JSON_KEYS.some((key) => key in payload)) return compilePlainJson(json, source, payload)
  return compileTyped({ ...json, schema: scope.schema, filter: scope }, source, field.typeDef, payload)
}

interface TypedScope extends JsonScope {
  readonly schema: SchemaDef
  readonly filter: FilterScope
}

function compileTyped(scope: TypedScope, source: JsonSource, typeDef: string, payload: unknown): Condition {
  if (payload === null) return compileJsonNull(source)
  if (!isFilterObject(payload)) return mayFail(scope.notes, `where: not a filter of "${typeDef}"`)
  if ('is' in payload || 'isNot' in payload) {
    const { is, isNot } = payload
    const conditions: Condition[] = []
    if (typeof is === 'object' && is !== null) conditions.push(compileTyped(scope, source, typeDef, is))
    if (typeof isNot === 'object' && isNot !== null) conditions.push(notOf(compileTyped(scope, source, typeDef, isNot)))
    return allOf(conditions)
  }
  return allOf(Object.entries(payload).map(([member, filter]) => compileMember(scope, source, typeDef, member, filter)))
}

/** JSON's null; SQL's gives NULL. */
function compileJsonNull(source: JsonSource): Condition {
  return (row) => {
    const item = source(row)
    return item === undefined || item === null ? item : item.value === null
  }
}

function compileMember(scope: TypedScope, source: JsonSource, typeDef: string, member: string, filter: unknown): Condition {
  const definition = scope.schema.typeDefs?.[typeDef]?.fields[member]
  if (definition === undefined) return mayFail(scope.notes, `where: "${typeDef}" has no field "${member.slice(0, 40)}"`)
  // Lists inside fail in Postgres, or on rows where they are none.
  if (definition.array === true) return mayFail(scope.notes, `where: list "${typeDef}.${member}"`)
  const at = atPlace(source, memberPath(member))
  if (scope.schema.typeDefs?.[definition.type] !== undefined) return compileTyped(scope, at, definition.type, filter)
  if (filter === undefined) return TRUE
  if (filter === null) return (row) => (at(row) === undefined ? undefined : at(row) === null)
  return compileScalar(scope, at, definition, filter)
}

/** `$.member`, in lax mode: of an array, its items' members, the first of them. */
function memberPath(member: string): (root: unknown) => { value: unknown } | null {
  return (root) => {
    for (const holder of Array.isArray(root) ? (root as unknown[]) : [root]) {
      if (isJsonObject(holder) && Object.hasOwn(holder, member)) return { value: holder[member] }
    }
    return null
  }
}

function compileScalar(scope: TypedScope, at: JsonSource, definition: FieldDef, filter: unknown): Condition {
  const isEnum = scope.schema.enums?.[definition.type] !== undefined
  if (definition.type === 'String' || isEnum) {
    const domain = plainText(scope.filter.defaultCollation)
    if (domain === undefined) return mayFail(scope.notes, 'where: the default collation is not deterministic')
    return compileTextFilter({ notes: scope.notes, name: scope.name, lower: scope.lower }, domain, trimmedText(at), filter)
  }
  switch (definition.type) {
    case 'Int':
    case 'Float':
    case 'BigInt':
    case 'Decimal':
    case 'Boolean':
      return compileJsonOrder(scope, at, filter)
    case 'Json':
      return compilePlainJson(scope, at, filter)
    default:
      // The parameter would have to be JSON and is not.
      return mayFail(scope.notes, `where: ${definition.type} inside "${scope.name}"`)
  }
}

/** Strings are compared as their JSON text without the quotes at its ends, however many there are; escapes stay. */
function trimmedText(at: JsonSource): TextSource {
  return (row) => {
    const item = at(row)
    return item === undefined || item === null ? item : scalarText(item.value)?.replace(/^"+|"+$/g, '')
  }
}

/** Numbers and booleans inside JSON are compared as jsonb. */
function compileJsonOrder(scope: TypedScope, at: JsonSource, filter: unknown): Condition {
  if (!isFilterObject(filter)) return compileJsonTest(scope, at, [filter], (orders) => orders[0] === 0)
  return allOf(
    Object.entries(filter).map(([operator, value]): Condition => {
      if (value === undefined) return TRUE
      if (operator === 'not') return notOf(compileJsonOrder(scope, at, value))
      if ((operator === 'equals' || operator === 'not') && value === null) return (row) => (at(row) === undefined ? undefined : at(row) === null)
      return compileOrderOperator(scope, at, operator, value)
    }),
  )
}

const ORDER_TESTS: Record<string, (orders: readonly number[]) => boolean> = {
  equals: ([order]) => order === 0,
  lt: ([order = 0]) => order < 0,
  lte: ([order = 0]) => order <= 0,
  gt: ([order = 0]) => order > 0,
  gte: ([order = 0]) => order >= 0,
  between: ([low = 0, high = 0]) => low >= 0 && high <= 0,
  in: (orders) => orders.includes(0),
}

function compileOrderOperator(scope: TypedScope, at: JsonSource, operator: string, value: unknown): Condition {
  const isNegated = operator === 'notIn'
  const operands: unknown[] = Array.isArray(value) ? value : [value]
  if ((operator === 'in' || isNegated) && operands.length === 0) return isNegated ? TRUE : FALSE
  const test = ORDER_TESTS[isNegated ? 'in' : operator]
  if (test === undefined) return mayFail(scope.notes, `where: "${operator.slice(0, 40)}" inside "${scope.name}"`)
  const condition = compileJsonTest(scope, at, operands, test)
  return isNegated ? notOf(condition) : condition
}

function compileJsonTest(scope: TypedScope, at: JsonSource, inputs: readonly unknown[], test: (orders: readonly number[]) => boolean): Condition {
  if (inputs.length === 1 && inputs[0] === null) return (row) => (at(row) === undefined ? undefined : at(row) === null)
  const operands = inputs.map(jsonScalar)
  if (operands.includes(undefined)) return mayFail(scope.notes, `where: a value inside "${scope.name}" that is not JSON`)
  return (row): Truth => {
    const item = at(row)
    if (item === undefined || item === null) return item
    const orders: number[] = []
    for (const operand of operands) {
      const order = compareScalars(item.value, operand as JsonNumber | boolean)
      if (order === undefined) return undefined
      orders.push(order)
    }
    return test(orders)
  }
}

function jsonScalar(input: unknown): JsonNumber | boolean | undefined {
  if (typeof input === 'boolean') return input
  if (typeof input === 'number') return Number.isFinite(input) ? input : undefined
  const number = typeof input === 'bigint' ? new Decimal(input.toString()) : numericInput(input)
  // Texts such as "+1", ".5" or "NaN" are numbers, but not in JSON.
  return number?.isFinite() === true && /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(String(input)) ? number : undefined
}

/** Order of jsonb scalars: null, strings, numbers, booleans. Containers are left to Postgres. */
function compareScalars(value: unknown, operand: JsonNumber | boolean): number | undefined {
  const [one, other] = [rankOf(value), rankOf(operand)]
  if (one === undefined || other === undefined) return undefined
  if (one !== other) return one - other
  return isNumber(value) && isNumber(operand) ? compareNumbers(value, operand) : Number(value) - Number(operand)
}

function rankOf(value: unknown): number | undefined {
  if (value === null) return 0
  if (typeof value === 'string') return 1
  if (isNumber(value)) return 2
  return typeof value === 'boolean' ? 3 : undefined
}
