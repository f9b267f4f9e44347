import type { Expression, FieldDef } from '@zenstackhq/schema'
import type { DataModel, Field, Model, Relation, StoredRow, StoredValue } from '@zenstack-live/model'
import type { PolicyContext, PolicyScope } from './policy-scope.ts'
import { sentValue, type Sent } from './sent-value.ts'

/** One side of a comparison. */
export type Operand =
  /** A column of the row; `field` is what ZenStack takes its type from. */
  | {
      readonly kind: 'column'
      readonly field: Field
      readonly name: string
      /** Where it stands for one column of a key of several: the others. It is NULL when one of them is. */
      readonly others?: readonly string[]
      read(row: StoredRow): StoredValue | undefined
    }
  /** Known before the row is: literals, `auth()` and items of its lists, `null`. May be null at run time. */
  | { readonly kind: 'value'; readonly type: string; readonly isList: boolean; read(context: PolicyContext): Sent }
  | { readonly kind: 'now' }
  | { readonly kind: 'unknown'; readonly reason: string; readonly mayFail: boolean }

export type ColumnOperand = Extract<Operand, { kind: 'column' }>
export type ValueOperand = Extract<Operand, { kind: 'value' }>

function unknownOperand(reason: string, mayFail = false): Operand {
  return { kind: 'unknown', reason, mayFail }
}

export function compileOperand(scope: PolicyScope, expression: Expression): Operand {
  switch (expression.kind) {
    case 'null':
      return { kind: 'value', type: 'Null', isList: false, read: () => null }
    case 'literal':
      return literal(scope, expression.value)
    case 'field':
      return scope.itemType === undefined
        ? columnOf(scope, scope.model, expression.field)
        : itemMember(scope, scope.itemType, [expression.field], (context) => context.item)
    case 'member':
      return memberOperand(scope, expression.receiver, expression.members)
    case 'array':
      return arrayOperand(scope, expression.type, expression.items)
    case 'call':
      return callOperand(scope, expression.function, expression.args ?? [])
    default:
      return unknownOperand(`policy: ${expression.kind} as an operand`)
  }
}

function literal(scope: PolicyScope, value: string | number | boolean): Operand {
  const type = typeof value === 'string' ? 'String' : typeof value === 'boolean' ? 'Boolean' : 'Int'
  return { kind: 'value', type, isList: false, read: () => sentValue(scope.data.schema, value, type) }
}

function columnOf(scope: PolicyScope, model: Model, name: string): Operand {
  const field = model.fields.get(name)
  if (field !== undefined) {
    scope.notes.fields.add(name)
    return { kind: 'column', field, name, read: (row) => row[name] }
  }
  const relation = model.relations.get(name)
  // A relation as an operand stands for the first id of its row.
  if (relation !== undefined) return relatedColumn(scope, relation, scope.data.models.get(relation.model)?.idFields[0] ?? '')
  return unknownOperand(`policy: "${name}" is not in this table`)
}

/** A referenced field of a to-one relation whose key is here and enforced: the key itself, when all of it is there. */
function relatedColumn(scope: PolicyScope, relation: Relation, member: string): Operand {
  // Within one table ZenStack's subquery loses the row it is asked about.
  if (relation.model === scope.model.name) return unknownOperand(`policy: "${relation.name}" is in its own table`, true)
  const key = keyOf(scope.data, scope.model, relation, member)
  if (key === undefined) return unknownOperand(`policy: "${relation.name}.${member}" is in another table`)
  const { own, related } = key
  if (scope.data.models.get(relation.model)?.hasRowSecurity === true)
    return unknownOperand(`policy: native row-level security may hide "${relation.name}"`)
  for (const each of relation.pairs) scope.notes.fields.add(each.own)
  const others = relation.pairs.map((each) => each.own).filter((name) => name !== own.name)
  return {
    kind: 'column',
    field: related,
    name: own.name,
    ...(others.length > 0 ? { others } : {}),
    read(row) {
      for (const name of others) {
        const part = row[name]
        if (part === undefined || part === null) return part
      }
      return row[own.name]
    },
  }
}

/** Where a field of a related row stands in this one: in an enforced key of a to-one relation to another table. */
export function keyOf(data: DataModel, model: Model, relation: Relation, member: string): { own: Field; related: Field } | undefined {
  const related = data.models.get(relation.model)?.fields.get(member)
  const pair = relation.pairs.find((each) => each.other === member)
  const own = pair === undefined ? undefined : model.fields.get(pair.own)
  const isSame = related !== undefined && own !== undefined && own.type === related.type && own.columnType === related.columnType
  const isKey = relation.keyIn === 'own' && relation.isEnforced && relation.origin === undefined && relation.model !== model.name
  return isSame && isKey ? { own, related } : undefined
}

function memberOperand(scope: PolicyScope, receiver: Expression, members: readonly string[]): Operand {
  if (isAuth(receiver)) {
    const authType = scope.data.schema.authType
    if (authType === undefined) return unknownOperand('policy: the schema has no auth type', true)
    scope.notes.authPaths.add(members.join('.'))
    return itemMember(scope, authType, members, (context) => context.auth)
  }
  if (receiver.kind === 'binding') {
    const type = scope.bindings?.get(receiver.name)
    if (type === undefined) return unknownOperand(`policy: binding "${receiver.name}"`)
    return itemMember(scope, type, members, (context) => context.bindings?.get(receiver.name))
  }
  const [first, second] = members
  if (receiver.kind === 'this' && first !== undefined) {
    return members.length === 1 ? columnOf(scope, scope.model, first) : pathOperand(scope, first, members.slice(1))
  }
  if (receiver.kind === 'field' && scope.itemType === undefined && first !== undefined && second === undefined)
    return pathOperand(scope, receiver.field, members)
  return unknownOperand(`policy: path "${members.join('.')}" through other tables`)
}

function pathOperand(scope: PolicyScope, relationName: string, members: readonly string[]): Operand {
  const relation = scope.model.relations.get(relationName)
  const [member] = members
  if (relation === undefined || member === undefined || members.length > 1)
    return unknownOperand(`policy: path "${relationName}.${members.join('.')}" through other tables`)
  return relatedColumn(scope, relation, member)
}

/** A member of a value that is known before the row. Missing members are null. */
function itemMember(scope: PolicyScope, rootType: string, members: readonly string[], rootOf: (context: PolicyContext) => unknown): Operand {
  const { schema } = scope.data
  let type = rootType
  let isList = false
  for (const member of members) {
    const definition: FieldDef | undefined = schema.models[type]?.fields[member] ?? schema.typeDefs?.[type]?.fields[member]
    if (definition === undefined) return unknownOperand(`policy: "${type}" has no field "${member}"`, true)
    type = definition.type
    isList = definition.array === true
  }
  const leaf = type
  return {
    kind: 'value',
    type: leaf,
    isList,
    read(context) {
      let value = rootOf(context)
      if (!value) return null
      for (const member of members) value = (value as Record<string, unknown> | null | undefined)?.[member]
      return sentValue(schema, value, leaf)
    },
  }
}

function arrayOperand(scope: PolicyScope, type: string, items: readonly Expression[]): Operand {
  const operands = items.map((item) => compileOperand(scope, item))
  const values = operands.filter((operand): operand is ValueOperand => operand.kind === 'value' && !operand.isList)
  if (values.length !== operands.length) return unknownOperand('policy: a list of columns')
  return { kind: 'value', type, isList: true, read: (context) => values.map((value) => value.read(context)) }
}

function callOperand(scope: PolicyScope, name: string, args: readonly Expression[]): Operand {
  switch (name) {
    case 'now':
      scope.notes.readsNow = true
      return { kind: 'now' }
    case 'currentModel':
    case 'currentOperation': {
      const text = name === 'currentModel' ? (scope.itemType ?? scope.model.name) : scope.operation
      const casing = args[0]
      const cased =
        casing === undefined
          ? text
          : casing.kind === 'literal'
            ? withCasing(text, casing.value, name === 'currentModel' ? text : scope.operation)
            : undefined
      return cased === undefined
        ? unknownOperand(`policy: casing of ${name}()`, true)
        : { kind: 'value', type: 'String', isList: false, read: () => cased }
    }
    default:
      return unknownOperand(`policy: ${name}() as an operand`)
  }
}

function withCasing(text: string, casing: unknown, original: string): string | undefined {
  switch (casing) {
    case 'original':
      return original
    case 'upper':
      return text.toUpperCase()
    case 'lower':
      return text.toLowerCase()
    case 'capitalize':
      return text.charAt(0).toUpperCase() + text.slice(1)
    case 'uncapitalize':
      return text.charAt(0).toLowerCase() + text.slice(1)
    default:
      return undefined
  }
}

export function isAuth(expression: Expression): boolean {
  return expression.kind === 'call' && expression.function === 'auth'
}
