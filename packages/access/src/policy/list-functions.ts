import type { Expression } from '@zenstackhq/schema'
import type { Field, StoredScalar, StoredValue } from '@zenstack-live/model'
import type { Condition } from '../condition.ts'
import { mayFail } from '../plan-notes.ts'
import { columnKind, type ColumnKind } from './column-kind.ts'
import { fitsList } from './fits-list.ts'
import { compileOperand, type ColumnOperand, type Operand } from './operand.ts'
import { leaveToDatabase, type PolicyContext, type PolicyScope } from './policy-scope.ts'
import type { StoredRow } from '@zenstack-live/model'

type ListFunction = 'has' | 'hasSome' | 'hasEvery' | 'isEmpty'

/** What a list literal of a type is cast to; columns of other element types make Postgres fail. */
const ARRAY_TYPES: Record<string, string> = {
  // A list of nothing has no type of its own.
  Any: 'text',
  String: 'text',
  Boolean: 'bool',
  Int: 'int4',
  BigInt: 'int8',
  Float: 'float8',
  Decimal: 'numeric',
  DateTime: 'timestamp',
}

export function compileListFunction(scope: PolicyScope, name: ListFunction, args: readonly Expression[]): Condition {
  const [listArg, searchArg] = args
  const list = listArg === undefined ? undefined : compileOperand(scope, listArg)
  if (list?.kind !== 'column' || !list.field.isList) return mayFail(scope.notes, `policy: ${name}() of something that is not a list here`)
  if (name === 'isEmpty') return isEmpty(list)
  const search = searchArg === undefined ? undefined : compileOperand(scope, searchArg)
  const element = list.field.type === 'Enum' ? undefined : columnKind(scope.data, { ...list.field, isList: false }, false)
  const items =
    search === undefined || element === undefined
      ? undefined
      : name === 'has'
        ? oneItem(scope, list.field, element, search)
        : manyItems(scope, list.field, element, search)
  if (element === undefined || items === undefined) return mayFail(scope.notes, `policy: ${name}() of "${list.name}"`)
  const isEvery = name !== 'hasSome'
  return (row, context) => {
    const wanted = items(row, context)
    const stored = list.read(row)
    if (stored === undefined || stored === null) return stored
    if (wanted === undefined || wanted === null) return wanted
    const held = (stored as readonly StoredScalar[]).filter((item) => item !== null).map((item) => element.ofStored(item))
    const isHeld = (item: unknown): boolean => item !== null && held.some((each) => element.compare(each, item) === 0)
    return isEvery ? wanted.every(isHeld) : wanted.some(isHeld)
  }
}

/** Postgres says NULL of the length of an empty array, so this is never true. */
function isEmpty(list: ColumnOperand): Condition {
  return (row) => {
    const stored = list.read(row)
    if (stored === undefined || stored === null) return stored
    return (stored as readonly StoredScalar[]).length === 0 ? null : false
  }
}

type Items = (row: StoredRow, context: PolicyContext) => readonly unknown[] | null | undefined

function constantItems(scope: PolicyScope, items: (context: PolicyContext) => readonly unknown[] | null): Items {
  scope.notes.authChecks.push(items)
  return (_row, context) => items(context)
}

/** `list @> ARRAY[x]` without a cast: the array is of the type that `x` has by itself. */
function oneItem(scope: PolicyScope, field: Field, element: ColumnKind, search: Operand): Items | undefined {
  const { columnType } = field
  if (search.kind === 'column') {
    if (search.field.isList || search.field.columnType !== columnType) return undefined
    return (row) => itemsOf(search.read(row), element)
  }
  if (search.kind !== 'value' || search.isList) return undefined
  return constantItems(scope, (context) => {
    const sent = search.read(context)
    if (sent === null) return columnType === 'text' ? [null] : leaveToDatabase()
    if (typeof sent === 'object' || !hasOwnType(columnType, sent)) return leaveToDatabase()
    return [element.ofSent(sent)]
  })
}

function hasOwnType(columnType: string, sent: string | number | bigint | boolean): boolean {
  if (columnType === 'text') return typeof sent === 'string'
  if (columnType === 'bool') return typeof sent === 'boolean'
  if (typeof sent === 'bigint') return columnType === 'int8' ? isBeyondInt4(sent) : columnType === 'int4' && !isBeyondInt4(sent)
  if (typeof sent !== 'number') return false
  if (!Number.isInteger(sent)) return columnType === 'numeric'
  return columnType === 'int4' && !isBeyondInt4(BigInt(sent))
}

function isBeyondInt4(value: bigint): boolean {
  return value >= 2n ** 31n || value < -(2n ** 31n)
}

function itemsOf(value: StoredValue | undefined, element: ColumnKind): readonly unknown[] | undefined {
  if (value === undefined) return undefined
  return [value === null ? null : element.ofStored(value as StoredScalar)]
}

/** `list @> other` and `list && other`: both sides must be arrays of one type. */
function manyItems(scope: PolicyScope, field: Field, element: ColumnKind, search: Operand): Items | undefined {
  if (search.kind === 'column') {
    if (!search.field.isList || search.field.columnType !== field.columnType) return undefined
    return (row) => {
      const value = search.read(row)
      if (value === undefined || value === null) return value
      return (value as readonly StoredScalar[]).map((item) => (item === null ? null : element.ofStored(item)))
    }
  }
  if (search.kind !== 'value') return undefined
  if (search.type !== 'Null' && ARRAY_TYPES[search.type] !== field.columnType) return undefined
  return constantItems(scope, (context) => {
    const sent = search.read(context)
    if (sent === null) return null
    if (typeof sent !== 'object') return leaveToDatabase()
    return sent.map((item) => (item === null ? null : exactly(field, element, item)))
  })
}

/** A literal that the cast to the array's type would round is left to Postgres. */
function exactly(field: Field, element: ColumnKind, item: unknown): unknown {
  if (typeof item === 'object' || item === undefined) return leaveToDatabase()
  if ((typeof item === 'number' || typeof item === 'bigint') && !fitsList(field.type, item)) return leaveToDatabase()
  return element.ofSent(item as string | number | bigint | boolean)
}
