import type { BinaryOperator } from '@zenstackhq/schema'
import type { DataModel, Field, StoredRow, StoredScalar } from '@zenstack-live/model'
import type { Condition } from '../condition.ts'
import { askDatabase, mayFail } from '../plan-notes.ts'
import { nowOf } from '../soonest.ts'
import type { Truth } from '../truth.ts'
import { columnKind, compareExactly, isUtc, textKind, toDouble, type ColumnKind, type Numeric } from './column-kind.ts'
import type { ColumnOperand, Operand, ValueOperand } from './operand.ts'
import { leaveToDatabase, type PolicyContext, type PolicyScope } from './policy-scope.ts'
import type { Sent } from './sent-value.ts'

export type ComparisonOperator = Extract<BinaryOperator, '==' | '!=' | '<' | '<=' | '>' | '>='>

const TESTS: Record<ComparisonOperator, (order: number) => boolean> = {
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}

const MIRRORED: Record<ComparisonOperator, ComparisonOperator> = { '==': '==', '!=': '!=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' }

/** `a op b`, as ZenStack writes it in SQL and Postgres decides it. */
export function compileComparison(scope: PolicyScope, left: Operand, operator: ComparisonOperator, right: Operand): Condition {
  for (const side of [left, right]) {
    if (side.kind === 'unknown') return side.mayFail ? mayFail(scope.notes, side.reason) : askDatabase(scope.notes, side.reason)
  }
  if (left.kind === 'column' && right.kind === 'value') return columnWithValue(scope, left, operator, right, true)
  if (left.kind === 'value' && right.kind === 'column') return columnWithValue(scope, right, MIRRORED[operator], left, false)
  if (left.kind === 'column' && right.kind === 'column') return columnWithColumn(scope, left, operator, right)
  if (left.kind === 'value' && right.kind === 'value') return valueWithValue(scope, left, operator, right)
  if (left.kind === 'now') return withNow(scope, right, MIRRORED[operator])
  return withNow(scope, left, operator)
}

function columnWithValue(
  scope: PolicyScope,
  column: ColumnOperand,
  operator: ComparisonOperator,
  value: ValueOperand,
  isColumnFirst: boolean,
): Condition {
  const nullTest = nullCheck(operator)
  if (value.type === 'Null') return (row) => nullTest(column.read(row))
  const kind = columnKind(scope.data, column.field, true)
  // A list, JSON or a type without rules here: only the question for null has an answer.
  if (kind === undefined || value.isList) return nullOrAsk(scope, column, nullTest, value)
  if (!kind.isOrdered && operator !== '==' && operator !== '!=')
    return askDatabase(scope.notes, `policy: the order of "${column.name}" is that of its collation`)
  // Only on the right of a column does ZenStack write a member's mapped label.
  if (kind.family === 'enum' && !isColumnFirst && column.field.labels?.isMapped === true)
    return mayFail(scope.notes, `policy: mapped enum left of "${column.name}"`)
  const test = TESTS[operator]
  const operandOf = (context: PolicyContext): unknown => {
    const sent = value.read(context)
    return sent === null ? null : kind.ofSent(single(sent))
  }
  scope.notes.authChecks.push(operandOf)
  return (row, context) => {
    const operand = operandOf(context)
    const stored = column.read(row)
    if (operand === null) return nullTest(stored)
    if (stored === undefined || stored === null) return stored
    return test(kind.compare(kind.ofStored(stored as StoredScalar), operand))
  }
}

function nullOrAsk(scope: PolicyScope, column: ColumnOperand, nullTest: (stored: unknown) => Truth, value: ValueOperand): Condition {
  scope.notes.reasons.add(`policy: "${column.name}" of type ${column.field.columnType}`)
  const check = (context: PolicyContext): true => (value.read(context) === null ? true : leaveToDatabase())
  scope.notes.authChecks.push(check)
  return (row, context) => check(context) && nullTest(column.read(row))
}

/** Against a null that is known before the statement is written, `==` and `!=` become IS NULL and IS NOT NULL. */
function nullCheck(operator: ComparisonOperator): (stored: unknown) => Truth {
  if (operator === '==') return (stored) => (stored === undefined ? undefined : stored === null)
  if (operator === '!=') return (stored) => (stored === undefined ? undefined : stored !== null)
  return () => null
}

function single(sent: Sent): Exclude<Sent, null | readonly Sent[]> {
  return typeof sent === 'object' ? leaveToDatabase() : sent
}

function columnWithColumn(scope: PolicyScope, left: ColumnOperand, operator: ComparisonOperator, right: ColumnOperand): Condition {
  const isCast = sqlType(left.field) !== sqlType(right.field)
  const [one, other] = [columnKind(scope.data, left.field, isCast), columnKind(scope.data, right.field, isCast)]
  if (one === undefined || other === undefined || !areComparable(scope.data, one, other)) {
    return mayFail(scope.notes, `policy: "${left.name}" with "${right.name}"`)
  }
  if (!one.isOrdered && operator !== '==' && operator !== '!=')
    return askDatabase(scope.notes, `policy: the order of "${left.name}" is that of its collation`)
  const test = TESTS[operator]
  // A comparison with a float is one of floats.
  const float = [one, other].find((kind) => kind.detail === 'float')
  const { compare } = float ?? one
  const [readLeft, readRight] = [reader(left, one, float !== undefined), reader(right, other, float !== undefined)]
  return (row) => {
    const [a, b] = [readLeft(row), readRight(row)]
    if (a === undefined || b === undefined) return undefined
    if (a === null || b === null) return null
    return test(compare(a, b))
  }
}

/** Postgres casts a side before it looks whether the other is NULL. */
function reader(column: ColumnOperand, kind: ColumnKind, isToDouble: boolean): (row: StoredRow) => unknown {
  return (row) => {
    const stored = column.read(row)
    if (stored === undefined || stored === null) return stored
    const value = kind.ofStored(stored as StoredScalar)
    return isToDouble ? toDouble(value as Numeric) : value
  }
}

/** The type by which ZenStack tells whether to cast. */
function sqlType(field: Field): string {
  return field.nativeType ?? field.enumName ?? field.type
}

function areComparable(data: DataModel, one: ColumnKind, other: ColumnKind): boolean {
  if (one.family !== other.family) return false
  if (one.family === 'number') return true
  if (one.family === 'time') return one.detail === other.detail || isUtc(data)
  return one.detail === other.detail
}

function valueWithValue(scope: PolicyScope, left: ValueOperand, operator: ComparisonOperator, right: ValueOperand): Condition {
  const text = textKind(scope.data.catalog.collations['default'], false)
  const test = TESTS[operator]
  return constant(scope, (context) => {
    const [a, b] = [left.read(context), right.read(context)]
    if (a === null || b === null) return operator === '==' ? a === b : operator === '!=' ? a !== b : null
    if (typeof a === 'object' || typeof b === 'object') return leaveToDatabase()
    if (typeof a === 'boolean' && typeof b === 'boolean') return test(Number(a) - Number(b))
    if (typeof a === 'string' && typeof b === 'string') {
      if (operator === '==' || operator === '!=') return test(a === b ? 0 : 1)
      return text?.isOrdered === true ? test(text.compare(a, b)) : leaveToDatabase()
    }
    if (typeof a === 'string' || typeof b === 'string' || typeof a === 'boolean' || typeof b === 'boolean') return leaveToDatabase()
    return test(compareExactly(a, b))
  })
}

/** A truth that is the same for every row. */
function constant(scope: PolicyScope, truth: (context: PolicyContext) => Truth): Condition {
  scope.notes.authChecks.push(truth)
  return (_row, context) => truth(context)
}

/** `side op now()`: the transaction's time. */
function withNow(scope: PolicyScope, side: Operand, operator: ComparisonOperator): Condition {
  const test = TESTS[operator]
  if (side.kind === 'now') return () => test(0)
  if (side.kind === 'value') {
    const nullTest = nullCheck(operator)
    const kind = columnKindOfInstant(scope.data)
    const instantOf = (context: PolicyContext): unknown => {
      const sent = side.read(context)
      return sent === null ? null : kind.ofSent(single(sent))
    }
    scope.notes.instants.push({ field: undefined, at: (_row, context) => asInstant(instantOf(context)) })
    return constant(scope, (context) => {
      const instant = instantOf(context)
      return instant === null ? nullTest(1) : test(kind.compare(instant, nowOf(context.now)))
    })
  }
  const kind = side.kind === 'column' ? columnKind(scope.data, side.field, true) : undefined
  // A `timestamp` beside `now()` is read in the session's time zone.
  if (side.kind !== 'column' || kind?.family !== 'time' || !isUtc(scope.data))
    return askDatabase(scope.notes, 'policy: now() in the time zone of the session')
  // Of a related row's key, the field here that holds it.
  scope.notes.instants.push({ field: side.name, at: (row) => asInstant(side.read(row)) })
  return (row, context) => {
    const stored = side.read(row)
    return stored === undefined || stored === null ? stored : test(kind.compare(stored, nowOf(context.now)))
  }
}

function asInstant(value: unknown): bigint | undefined {
  return typeof value === 'bigint' ? value : undefined
}

function columnKindOfInstant(data: DataModel): ColumnKind {
  const field = { columnType: 'timestamp', isList: false } as Field
  return columnKind(data, field, false) ?? leaveToDatabase()
}
