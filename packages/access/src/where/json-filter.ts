import { AnyNullClass, DbNullClass, JsonNullClass } from '@zenstackhq/orm'
import type { Field, StoredJson, StoredRow } from '@zenstack-live/model'
import { allOf, notOf, TRUE, type Condition } from '../condition.ts'
import { lowerCaseOf } from '../domain/lower-case.ts'
import { textInput } from '../domain/text.ts'
import { jsonInput } from '../json/json-input.ts'
import { parseJsonPath } from '../json/json-path.ts'
import { containsJson, isJsonObject, isSameJson, scalarText, type JsonItem } from '../json/json-value.ts'
import { askDatabase, mayFail, type PlanNotes } from '../plan-notes.ts'
import type { Truth } from '../truth.ts'
import type { FilterScope } from './field-filter.ts'

/** Where a JSON filter looks: the column, or a place in it. `null` is SQL's NULL, `undefined` is not known. */
export type JsonSource = (row: StoredRow) => JsonItem | null | undefined

export const JSON_KEYS = [
  'path',
  'equals',
  'not',
  'string_contains',
  'string_starts_with',
  'string_ends_with',
  'array_contains',
  'array_starts_with',
  'array_ends_with',
]

export interface JsonScope {
  readonly notes: PlanNotes
  /** Said in reasons. */
  readonly name: string
  readonly lower: ((text: string) => string) | undefined
}

export function compileJsonFilter(scope: FilterScope, payload: unknown): Condition {
  if (scope.field.columnType !== 'jsonb') return mayFail(scope.notes, `where: a filter on a column of type ${scope.field.columnType}`)
  return compilePlainJson(jsonScopeOf(scope), sourceOf(scope.field), payload)
}

/** Casts of jsonb to text have the database's own collation. */
export function jsonScopeOf(scope: FilterScope): JsonScope {
  return { notes: scope.notes, name: scope.field.name, lower: lowerCaseOf(scope.defaultCollation) }
}

export function sourceOf(field: Field): JsonSource {
  return (row) => {
    const stored = row[field.name]
    return stored === undefined || stored === null ? stored : { value: (stored as StoredJson).exact }
  }
}

/** The operators of a JSON filter over what a path finds. */
export function compilePlainJson(scope: JsonScope, source: JsonSource, payload: unknown): Condition {
  if (!isJsonObject(payload) || !JSON_KEYS.some((key) => key in payload)) return mayFail(scope.notes, `where: not a JSON filter of "${scope.name}"`)
  // ZenStack drops what is `undefined` outside of lists, and within them takes it for no condition.
  if (Object.values(payload).includes(undefined)) return mayFail(scope.notes, `where: undefined in a JSON filter of "${scope.name}"`)
  const path = payload['path']
  const place = path === undefined || path === '' ? undefined : typeof path === 'string' ? parseJsonPath(path) : undefined
  if (place === undefined && path !== undefined && path !== '') return mayFail(scope.notes, `where: a path of jsonpath's own in "${scope.name}"`)
  const at: JsonSource = place === undefined ? source : atPlace(source, place)
  const isInsensitive = payload['mode'] === 'insensitive'
  return allOf(Object.entries(payload).map(([operator, value]) => compileOperator(scope, at, operator, value, isInsensitive)))
}

export function atPlace(source: JsonSource, place: (root: unknown) => JsonItem | null): JsonSource {
  return (row) => {
    const item = source(row)
    return item === undefined || item === null ? item : place(item.value)
  }
}

function compileOperator(scope: JsonScope, source: JsonSource, operator: string, value: unknown, isInsensitive: boolean): Condition {
  switch (operator) {
    case 'path':
    case 'mode':
      return TRUE
    case 'equals':
      return compileEquals(scope, source, value)
    case 'not':
      return notOf(compileEquals(scope, source, value))
    case 'string_contains':
    case 'string_starts_with':
    case 'string_ends_with':
      return compileText(scope, source, operator, value, isInsensitive)
    case 'array_contains':
    case 'array_starts_with':
      return compileArray(scope, source, operator, value)
    default:
      // `array_ends_with` asks for the length of what may be no array, and then the whole query fails.
      return mayFail(scope.notes, `where: "${operator.slice(0, 40)}" of "${scope.name}"`)
  }
}

function over(source: JsonSource, test: (value: unknown) => Truth): Condition {
  return (row) => {
    const item = source(row)
    return item === undefined || item === null ? item : test(item.value)
  }
}

export function compileEquals(scope: JsonScope, source: JsonSource, value: unknown): Condition {
  if (value === null || value instanceof DbNullClass) return overNull(source, true, false)
  // Spelled out by ZenStack so that it is never NULL.
  if (value instanceof JsonNullClass) return overNull(source, false, true)
  if (value instanceof AnyNullClass) return overNull(source, true, true)
  const operand = jsonInput(value)
  return operand === undefined
    ? mayFail(scope.notes, `where: a value of "${scope.name}" that jsonb cannot hold`)
    : over(source, (each) => isSameJson(each, operand.value))
}

function overNull(source: JsonSource, isSqlNullWanted: boolean, isJsonNullWanted: boolean): Condition {
  return (row) => {
    const item = source(row)
    if (item === undefined) return undefined
    return item === null ? isSqlNullWanted : isJsonNullWanted && item.value === null
  }
}

/** `LIKE` on the value's JSON text, quotes and escapes included: only strings begin and end with a quote. */
function compileText(scope: JsonScope, source: JsonSource, operator: string, value: unknown, isInsensitive: boolean): Condition {
  const part = textInput(value)
  if (part === undefined) return mayFail(scope.notes, `where: a value of "${scope.name}" that only Postgres can read`)
  const { lower } = scope
  if (isInsensitive && lower === undefined) return askDatabase(scope.notes, `where: lower() of "${scope.name}" is that of its collation`)
  const fold = isInsensitive && lower !== undefined ? lower : (text: string): string => text
  const wanted = fold(part)
  return over(source, (each) => {
    if (typeof each !== 'string') return false
    const text = fold((scalarText(each) ?? '').slice(1, -1))
    if (operator === 'string_contains') return text.includes(wanted)
    return operator === 'string_starts_with' ? text.startsWith(wanted) : text.endsWith(wanted)
  })
}

function compileArray(scope: JsonScope, source: JsonSource, operator: string, value: unknown): Condition {
  const operand = jsonInput(value)
  if (operand === undefined) return mayFail(scope.notes, `where: a value of "${scope.name}" that jsonb cannot hold`)
  if (operator === 'array_contains') {
    const part: unknown[] = Array.isArray(operand.value) ? operand.value : [operand.value]
    return over(source, (each) => containsJson(each, part))
  }
  return over(source, (each) => {
    // The same function takes the first item of an array and the member "0" of an object.
    const first = Array.isArray(each)
      ? each.length > 0
        ? { value: each[0] as unknown }
        : null
      : isJsonObject(each) && Object.hasOwn(each, '0')
        ? { value: each['0'] }
        : null
    return first === null ? null : isSameJson(first.value, operand.value)
  })
}
