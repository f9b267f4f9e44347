import type { StoredScalar } from '@zenstack-live/model'
import { allOf, TRUE, type Condition } from '../condition.ts'
import type { Domain } from '../domain/domain.ts'
import { domainOf } from '../domain/domain-of.ts'
import { lowerCaseOf } from '../domain/lower-case.ts'
import { plainText, textInput, withoutBlanks } from '../domain/text.ts'
import { askDatabase, mayFail } from '../plan-notes.ts'
import type { FilterScope } from './field-filter.ts'
import { LIKE_TESTS, type LikeOperator } from './operator-tests.ts'
import { compileOperator, isFilterObject, overValue, STANDARD_OPERATORS, type StandardOperator } from './standard-filter.ts'

const STANDARD: ReadonlySet<string> = new Set(STANDARD_OPERATORS)

/** A string, or an object of operators. `mode` reaches all of them but what stands under `not`, which brings its own. */
export function compileStringFilter(scope: FilterScope, payload: unknown): Condition {
  const domain = domainOf(scope.field)
  if (domain === undefined) return askDatabase(scope.notes, `where: String in a column of type ${scope.field.columnType}`)
  const recurse = (inner: unknown): Condition => compileStringFilter(scope, inner)
  if (!isFilterObject(payload)) return compileOperator(scope, domain, 'equals', payload, recurse)
  const isInsensitive = payload['mode'] === 'insensitive'
  const conditions = Object.entries(payload).map(([operator, value]) => {
    if (value === undefined || operator === 'mode') return TRUE
    if (Object.hasOwn(LIKE_TESTS, operator)) return compileLike(scope, operator as LikeOperator, value, isInsensitive)
    if (!STANDARD.has(operator)) return askDatabase(scope.notes, `where: operator "${operator.slice(0, 40)}" of "${scope.field.name}"`)
    const effective = isInsensitive && operator !== 'not' ? insensitive(scope, domain) : domain
    if (effective === undefined) return askDatabase(scope.notes, `where: lower() of "${scope.field.name}" is that of its collation`)
    return compileOperator(scope, effective, operator as StandardOperator, value, recurse)
  })
  return allOf(conditions)
}

/** Both sides through `lower()`, each with the letters of its own collation; a `char(n)` loses its blanks on the way. */
function insensitive(scope: FilterScope, domain: Domain): Domain<string> | undefined {
  const { collation, columnType } = scope.field
  const [lower, lowerInput] = [lowerCaseOf(collation), lowerCaseOf(scope.defaultCollation)]
  const plain = plainText(collation)
  if (lower === undefined || lowerInput === undefined || plain === undefined || columnType === 'uuid') return undefined
  const isPadded = columnType === 'bpchar'
  return {
    ...(domain.compare === undefined || plain.compare === undefined ? {} : { compare: plain.compare }),
    equals: (a, b) => a === b,
    ofInput(input) {
      const text = textInput(input)
      return text === undefined ? undefined : lowerInput(text)
    },
    // String columns hold strings.
    ofStored: (stored) => lower(isPadded ? (withoutBlanks(stored as string) ?? '') : (stored as string)),
  }
}

/** `LIKE` with its special characters escaped is a plain search for a part. */
function compileLike(scope: FilterScope, operator: LikeOperator, value: unknown, isInsensitive: boolean): Condition {
  const { field, notes } = scope
  const part = textInput(value)
  if (part === undefined) return mayFail(notes, `where: a value of "${field.name}" that only Postgres can read`)
  // Postgres has no LIKE for uuid.
  if (field.columnType === 'uuid') return mayFail(notes, `where: "${operator}" on a column of type uuid`)
  const test = LIKE_TESTS[operator]
  const asStored: Domain = { ofInput: textInput, ofStored: (stored: StoredScalar) => stored, equals: Object.is }
  if (!isInsensitive) return overValue(asStored, field.name, (stored) => test(stored as string, part))
  const lower = lowerCaseOf(field.collation)
  if (lower === undefined) return askDatabase(notes, `where: lower() of "${field.name}" is that of its collation`)
  const lowered = lower(part)
  return overValue(asStored, field.name, (stored) => test(lower(stored as string), lowered))
}
