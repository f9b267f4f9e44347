import type { StoredRow } from '@zenstack-live/model'
import { allOf, FALSE, notOf, TRUE, type Condition } from '../condition.ts'
import type { Domain } from '../domain/domain.ts'
import { textInput } from '../domain/text.ts'
import { askDatabase, mayFail, type PlanNotes } from '../plan-notes.ts'
import type { Truth } from '../truth.ts'
import { LIKE_TESTS, orderTest, type LikeOperator } from './operator-tests.ts'
import { isFilterObject } from './standard-filter.ts'

/** Where the text comes from; `null` is NULL, `undefined` is not known. */
export type TextSource = (row: StoredRow) => string | null | undefined

export interface TextScope {
  readonly notes: PlanNotes
  readonly name: string
  readonly lower: ((text: string) => string) | undefined
}

/** String operators over a text that is computed. */
export function compileTextFilter(scope: TextScope, domain: Domain<string>, source: TextSource, filter: unknown): Condition {
  if (!isFilterObject(filter)) return compileOperator(scope, domain, source, 'equals', filter, false)
  const isInsensitive = filter['mode'] === 'insensitive'
  return allOf(
    Object.entries(filter).map(([operator, value]) =>
      value === undefined || operator === 'mode' ? TRUE : compileOperator(scope, domain, source, operator, value, isInsensitive),
    ),
  )
}

function compileOperator(
  scope: TextScope,
  domain: Domain<string>,
  source: TextSource,
  operator: string,
  value: unknown,
  isInsensitive: boolean,
): Condition {
  if (operator === 'not') return notOf(compileTextFilter(scope, domain, source, value))
  if (value === null) return (row) => (source(row) === undefined ? undefined : source(row) === null)
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (operator === 'in' && list.length === 0) return FALSE
  if (operator === 'notIn' && list.length === 0) return TRUE
  const inputs = list.map(textInput)
  if (inputs.includes(undefined)) return mayFail(scope.notes, `where: a value of "${scope.name}" that only Postgres can read`)
  if (isInsensitive && scope.lower === undefined) return askDatabase(scope.notes, `where: lower() of "${scope.name}" is that of its collation`)
  const fold = isInsensitive && scope.lower !== undefined ? scope.lower : (text: string): string => text
  const test = textTest(
    domain,
    operator,
    inputs.map((input) => fold(input ?? '')),
  )
  if (typeof test === 'string')
    return test === 'unordered'
      ? askDatabase(scope.notes, 'where: the order of the default collation')
      : mayFail(scope.notes, `where: "${operator.slice(0, 40)}"`)
  return (row): Truth => {
    const text = source(row)
    return text === undefined || text === null ? text : test(fold(text))
  }
}

function textTest(domain: Domain<string>, operator: string, operands: readonly string[]): ((text: string) => boolean) | 'unknown' | 'unordered' {
  const [first = '', second = ''] = operands
  if (Object.hasOwn(LIKE_TESTS, operator)) {
    const like = LIKE_TESTS[operator as LikeOperator]
    return (text) => like(text, first)
  }
  switch (operator) {
    case 'equals':
      return (text) => text === first
    case 'in':
      return (text) => operands.includes(text)
    case 'notIn':
      return (text) => !operands.includes(text)
    default:
      return domain.compare === undefined ? 'unordered' : (orderTest(domain.compare, operator, first, second) ?? 'unknown')
  }
}
