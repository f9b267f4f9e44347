import type { Expression } from '@zenstackhq/schema'
import type { Collation, StoredScalar } from '@zenstack-live/model'
import type { Condition } from '../condition.ts'
import { lowerCaseOf } from '../domain/lower-case.ts'
import { askDatabase, mayFail } from '../plan-notes.ts'
import { compileListFunction } from './list-functions.ts'
import { compileOperand, type Operand } from './operand.ts'
import { leaveToDatabase, type PolicyContext, type PolicyScope } from './policy-scope.ts'
import type { StoredRow } from '@zenstack-live/model'

type TextFunction = 'contains' | 'startsWith' | 'endsWith'
const TEXT_TESTS: Record<TextFunction, (text: string, part: string) => boolean> = {
  contains: (text, part) => text.includes(part),
  startsWith: (text, part) => text.startsWith(part),
  endsWith: (text, part) => text.endsWith(part),
}

/** A function that answers true or false. */
export function compileFunction(scope: PolicyScope, call: Extract<Expression, { kind: 'call' }>): Condition {
  const args = call.args ?? []
  // Inside an unrolled list, a bare field given to a function is still the table's column; what it then means is the database's affair.
  if (scope.itemType !== undefined && args.some((arg) => arg.kind === 'field'))
    return mayFail(scope.notes, `policy: ${call.function}() inside a list`)
  switch (call.function) {
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return compileTextFunction(scope, call.function, args)
    case 'has':
    case 'hasSome':
    case 'hasEvery':
    case 'isEmpty':
      return compileListFunction(scope, call.function, args)
    default:
      return askDatabase(scope.notes, `policy: ${call.function}()`)
  }
}

/** `LIKE` with its special characters escaped. A search that is null finds every text; a field that is null is NULL. */
function compileTextFunction(scope: PolicyScope, name: TextFunction, args: readonly Expression[]): Condition {
  const [fieldArg, searchArg, caseArg] = args
  if (fieldArg === undefined || searchArg === undefined) return mayFail(scope.notes, `policy: ${name}() without arguments`)
  if (caseArg !== undefined && caseArg.kind !== 'literal') return mayFail(scope.notes, `policy: ${name}() with a computed case`)
  const isInsensitive = caseArg?.kind === 'literal' && Boolean(caseArg.value)
  const [field, search] = [textOf(scope, compileOperand(scope, fieldArg)), textOf(scope, compileOperand(scope, searchArg))]
  if (field === undefined || search === undefined) return mayFail(scope.notes, `policy: ${name}() of something that is not text`)
  const test = TEXT_TESTS[name]
  const collations = [field.collation, search.collation].filter((each) => each !== undefined)
  const collation = collations[0] ?? scope.data.catalog.collations['default']
  if (collations.some((each) => each !== collation) || collation?.isDeterministic !== true)
    return askDatabase(scope.notes, `policy: ${name}() across collations`)
  const lower = isInsensitive ? lowerCaseOf(collation) : (text: string): string => text
  if (lower === undefined) return askDatabase(scope.notes, `policy: ${name}() ignoring case is that of the collation`)
  return (row, context) => {
    const text = field.read(row, context)
    const part = search.read(row, context)
    if (text === undefined || text === null) return text
    return part === undefined ? undefined : test(lower(text), lower(part ?? ''))
  }
}

interface TextSource {
  readonly collation: Collation | undefined
  read(row: StoredRow, context: PolicyContext): string | null | undefined
}

function textOf(scope: PolicyScope, operand: Operand): TextSource | undefined {
  if (operand.kind === 'value') {
    if (operand.isList) return undefined
    const textOfValue = (context: PolicyContext): string | null => {
      const sent = operand.read(context)
      return typeof sent === 'string' || sent === null ? sent : leaveToDatabase()
    }
    scope.notes.authChecks.push(textOfValue)
    return { collation: undefined, read: (_row, context) => textOfValue(context) }
  }
  if (operand.kind === 'unknown' && !operand.mayFail) scope.notes.reasons.add(operand.reason)
  if (operand.kind !== 'column' || operand.field.isList) return undefined
  const { columnType, collation } = operand.field
  if (columnType !== 'text' && columnType !== 'varchar') return undefined
  return { collation, read: (row) => operand.read(row) as (StoredScalar & string) | null | undefined }
}
