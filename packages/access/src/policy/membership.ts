import type { Field, StoredScalar, StoredValue } from '@zenstack-live/model'
import type { Condition } from '../condition.ts'
import { askDatabase, mayFail } from '../plan-notes.ts'
import type { Truth } from '../truth.ts'
import { columnKind, compareExactly, DOUBLE_KIND, textKind, toDouble, type ColumnKind, type Numeric } from './column-kind.ts'
import { fitsList } from './fits-list.ts'
import type { ColumnOperand, Operand, ValueOperand } from './operand.ts'
import { leaveToDatabase, type PolicyContext, type PolicyScope } from './policy-scope.ts'
import type { Sent } from './sent-value.ts'

/** `left in right`, which ZenStack writes as `left = any(right)`. An `auth()` member that is null makes it false, not NULL. */
export function compileMembership(scope: PolicyScope, left: Operand, right: Operand): Condition {
  for (const side of [left, right]) {
    if (side.kind === 'unknown') return side.mayFail ? mayFail(scope.notes, side.reason) : askDatabase(scope.notes, side.reason)
  }
  if (left.kind === 'column' && right.kind === 'value') return columnInValues(scope, left, right)
  if (left.kind === 'value' && right.kind === 'value') return valueInValues(scope, left, right)
  if (left.kind === 'value' && right.kind === 'column') return valueInColumn(scope, left, right)
  return mayFail(scope.notes, 'policy: `in` between these operands')
}

/** Any match is true; else an unknown item makes it unknown; over nothing it is false, even for NULL. */
function anyEqual(items: readonly unknown[], isNull: boolean, equals: (item: unknown) => boolean): Truth {
  if (items.length === 0) return false
  if (isNull) return null
  let result: Truth = false
  for (const item of items) {
    if (item === null) result = null
    else if (equals(item)) return true
  }
  return result
}

function listOf(sent: Sent): readonly Sent[] | null {
  return sent === null || typeof sent === 'object' ? sent : leaveToDatabase()
}

function columnInValues(scope: PolicyScope, column: ColumnOperand, values: ValueOperand): Condition {
  const kind = kindBesideList(scope, column.field, values.type)
  if (kind === undefined) return mayFail(scope.notes, `policy: "${column.name}" in a list of ${values.type}`)
  const operandsOf = (context: PolicyContext): readonly unknown[] | null => {
    const list = listOf(values.read(context))
    return list === null ? null : list.map((item) => (item === null ? null : kind.ofSent(scalar(item))))
  }
  scope.notes.authChecks.push(operandsOf)
  return (row, context) => {
    const operands = operandsOf(context)
    const stored = column.read(row)
    if (operands === null) return null
    if (stored === undefined) return operands.length === 0 ? false : undefined
    const value = stored === null ? null : kind.ofStored(stored as StoredScalar)
    return anyEqual(operands, value === null, (item) => kind.compare(value, item) === 0)
  }
}

function scalar(sent: Sent): Exclude<Sent, null | readonly Sent[]> {
  return sent === null || typeof sent === 'object' ? leaveToDatabase() : sent
}

/** The list is cast to the array type of its elements; no native type is cast to it. Enums are compared as unmapped text. */
function kindBesideList(scope: PolicyScope, field: Field, type: string): ColumnKind | undefined {
  const { collations } = scope.data.catalog
  if (field.isList) return undefined
  if (field.type === 'Enum') {
    const kind = textKind(collations['default'], false)
    return scope.data.schema.enums?.[type] === undefined && type !== 'String' && type !== 'Any' ? undefined : kind
  }
  const kind = columnKind(scope.data, field, false)
  const isText = kind?.family === 'text' && (type === 'String' || type === 'Any')
  const isNumber = kind?.family === 'number' && (type === 'Int' || type === 'BigInt' || type === 'Float' || type === 'Decimal')
  const isTime = kind?.family === 'time' && kind.detail === 'timestamp' && type === 'DateTime'
  const isBoolean = kind?.family === 'boolean' && type === 'Boolean'
  if (kind === undefined || !(isText || isNumber || isTime || isBoolean)) return undefined
  return isNumber ? besideNumbers(kind, type) : kind
}

/** Numbers are rounded to the list's type; where that would change one, Postgres is asked. */
function besideNumbers(kind: ColumnKind, type: string): ColumnKind {
  // A comparison with a float is one of floats.
  if (type === 'Float') return { ...DOUBLE_KIND, ofStored: (stored) => toDouble(kind.ofStored(stored) as Numeric) }
  return {
    ...kind,
    ofSent(sent) {
      if (typeof sent === 'boolean') return leaveToDatabase()
      const number = typeof sent === 'string' ? Number(sent) : sent
      if (!fitsList(type, number)) return leaveToDatabase()
      return kind.ofSent(sent)
    },
  }
}

function valueInValues(scope: PolicyScope, value: ValueOperand, values: ValueOperand): Condition {
  // Text lists hold strings and members of enums; a parameter beside them is text too.
  const isText = values.type === 'String' || values.type === 'Any' || scope.data.schema.enums?.[values.type] !== undefined
  const isNumber = values.type === 'Int' || values.type === 'BigInt' || values.type === 'Float'
  if (!isText && !isNumber && values.type !== 'Boolean') return askDatabase(scope.notes, `policy: a value in a list of ${values.type}`)
  const truth = (context: PolicyContext): Truth => {
    const sent = value.read(context)
    if (sent === null) return false
    const list = listOf(values.read(context))
    if (list === null) return null
    if (typeof sent === 'object') return leaveToDatabase()
    for (const item of list) if (item !== null && typeof item !== typeof sent) return leaveToDatabase()
    if (isText !== (typeof sent === 'string')) return leaveToDatabase()
    // The value beside the list is a literal of its own type.
    if (values.type === 'Int' && typeof sent === 'number' && !Number.isInteger(sent)) return leaveToDatabase()
    if (isNumber && !list.every((item) => item === null || fitsList(values.type, item as number | bigint))) return leaveToDatabase()
    return anyEqual(list, false, (item) =>
      typeof sent === 'number' || typeof sent === 'bigint' ? compareExactly(sent, item as number) === 0 : item === sent,
    )
  }
  scope.notes.authChecks.push(truth)
  return (_row, context) => truth(context)
}

/** `auth().id in memberIds`: the parameter takes the element's type. */
function valueInColumn(scope: PolicyScope, value: ValueOperand, column: ColumnOperand): Condition {
  const { field } = column
  const element = field.isList ? columnKind(scope.data, { ...field, isList: false }, false) : undefined
  if (element === undefined || (field.type === 'Enum' && field.labels?.isMapped === true))
    return mayFail(scope.notes, `policy: a value in "${column.name}"`)
  const operandOf = (context: PolicyContext): unknown => {
    const sent = value.read(context)
    return sent === null ? null : element.ofSent(scalar(sent))
  }
  scope.notes.authChecks.push(operandOf)
  return (row, context) => {
    const operand = operandOf(context)
    if (operand === null) return false
    const stored: StoredValue | undefined = column.read(row)
    if (stored === undefined || stored === null) return stored
    const items = (stored as readonly StoredScalar[]).map((item) => (item === null ? null : element.ofStored(item)))
    return anyEqual(items, false, (item) => element.compare(item, operand) === 0)
  }
}
