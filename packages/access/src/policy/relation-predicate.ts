import type { BinaryExpression, Expression } from '@zenstackhq/schema'
import type { Model, Relation } from '@zenstack-live/model'
import type { Condition } from '../condition.ts'
import { keySetText, type KeySetSpec } from '../key-set.ts'
import { askDatabase, createPlanNotes } from '../plan-notes.ts'
import { visit, type Compile } from './auth-expressions.ts'
import { compileKeyWhere } from './key-set-where.ts'
import type { PolicyScope } from './policy-scope.ts'

/** Key columns whose values read the same from the stream and from ZenStack. */
const KEY_TYPES: ReadonlySet<string> = new Set(['text', 'varchar', 'uuid', 'int2', 'int4', 'int8'])

/** How a predicate's rows are reached. */
interface Reach {
  readonly related: Model
  readonly keyFields: readonly string[]
  readonly ownFields: readonly string[]
  /** Through a to-one relation: without that row the whole predicate is NULL. */
  readonly isThroughRow: boolean
}

/**
 * A predicate over related rows. `members?[user == auth()]`, directly or through one enforced to-one relation, is decided by a
 * set of keys; deeper ones, and those no identity bounds, are the database's.
 */
export function compileRelationPredicate(scope: PolicyScope, expression: BinaryExpression, compile: Compile): Condition {
  const reach = scope.itemType === undefined ? reachOf(scope, expression.left) : undefined
  // `!` counts the rows that fail: nearly all of the table for anybody.
  if (reach === undefined || expression.op === '!') return askDatabase(scope.notes, 'policy: a predicate over related rows')
  const spec = specOf(scope, reach, expression, compile)
  if (spec === undefined) return askDatabase(scope.notes, 'policy: a predicate over related rows that no identity bounds')
  for (const field of reach.ownFields) scope.notes.fields.add(field)
  scope.notes.keySets.set(spec.id, spec)
  const isNone = expression.op === '^'
  return (row, context) => {
    const set = context.keySets?.get(spec.id)
    const key = keySetText(row, spec.ownFields)
    if (set === undefined || key === undefined) return undefined
    if (key === null) return reach.isThroughRow ? null : isNone
    return set.has(key) !== isNone
  }
}

function specOf(scope: PolicyScope, reach: Reach, expression: BinaryExpression, compile: Compile): KeySetSpec | undefined {
  const predicate = withoutBinding(expression.right, expression.binding)
  if (predicate === undefined) return undefined
  const notes = createPlanNotes()
  const inner: PolicyScope = { data: scope.data, notes, model: reach.related, operation: scope.operation }
  const condition = compile(inner, predicate)
  // Where it fails in the database, the whole statement does.
  scope.notes.mayFail ||= notes.mayFail
  scope.notes.authChecks.push(...notes.authChecks)
  if (notes.reasons.size > 0 || notes.readsNow || notes.keySets.size > 0) return undefined
  const where = compileKeyWhere(inner, predicate)
  if (where?.isBounded !== true) return undefined
  for (const path of notes.authPaths) scope.notes.authPaths.add(path)
  return {
    id: JSON.stringify([reach.related.name, reach.keyFields, predicate]),
    model: reach.related,
    keyFields: reach.keyFields,
    ownFields: reach.ownFields,
    condition,
    selectFields: [...new Set([...reach.keyFields, ...reach.related.idFields])],
    where: where.of,
  }
}

function reachOf(scope: PolicyScope, left: Expression): Reach | undefined {
  const path = left.kind === 'field' ? [left.field] : left.kind === 'member' ? pathOf(left) : undefined
  const [first, second, third] = path ?? []
  const relation = first === undefined ? undefined : scope.model.relations.get(first)
  if (relation === undefined || relation.origin !== undefined || third !== undefined) return undefined
  if (second === undefined)
    return reachThrough(
      scope,
      scope.model,
      relation,
      relation.pairs.map((pair) => pair.own),
      false,
    )
  const middle = scope.data.models.get(relation.model)
  const list = middle?.relations.get(second)
  if (middle === undefined || list === undefined || list.origin !== undefined || relation.keyIn !== 'own' || !relation.isEnforced) return undefined
  // The row between is known only by the key that points to it.
  const ownFields = list.pairs.map((pair) => relation.pairs.find((each) => each.other === pair.own)?.own)
  if (ownFields.length !== relation.pairs.length || ownFields.includes(undefined)) return undefined
  return reachThrough(scope, middle, list, ownFields as string[], true)
}

function reachThrough(scope: PolicyScope, from: Model, list: Relation, ownFields: readonly string[], isThroughRow: boolean): Reach | undefined {
  const related = scope.data.models.get(list.model)
  if (related === undefined || !list.isList || list.keyIn !== 'other' || related.refusal !== undefined) return undefined
  if (related.base !== undefined || from.base !== undefined) return undefined
  // The stream shows rows that Postgres hides from its users.
  if (related.hasRowSecurity || from.hasRowSecurity) return undefined
  // Within one table ZenStack's subquery loses the row it is asked about.
  if (related === from || (isThroughRow && from === scope.model)) return undefined
  const keyFields = list.pairs.map((pair) => pair.other)
  const areKeys = [...keyFields.map((name) => related.fields.get(name)), ...ownFields.map((name) => scope.model.fields.get(name))].every(
    // Where a collation calls different texts equal, keys are not what their bytes say.
    (field) => field !== undefined && KEY_TYPES.has(field.columnType) && field.collation?.isDeterministic !== false,
  )
  return areKeys ? { related, keyFields, ownFields, isThroughRow } : undefined
}

function pathOf(member: Extract<Expression, { kind: 'member' }>): string[] | undefined {
  if (member.receiver.kind === 'this') return [...member.members]
  return member.receiver.kind === 'field' ? [member.receiver.field, ...member.members] : undefined
}

/** Inside the predicate the item's name and its fields mean the same; `this` is the outer row and would bring it in. */
function withoutBinding(expression: Expression, binding: string | undefined): Expression | undefined {
  let isClosed = true
  visit(expression, (each) => {
    if (each.kind === 'this' || (each.kind === 'binding' && each.name !== binding)) isClosed = false
  })
  return isClosed ? unbound(expression) : undefined
}

function unbound(expression: Expression): Expression {
  switch (expression.kind) {
    case 'member': {
      const [first, ...rest] = expression.members
      if (expression.receiver.kind !== 'binding' || first === undefined) return expression
      const field: Expression = { kind: 'field', field: first }
      return rest.length === 0 ? field : { kind: 'member', receiver: field, members: rest }
    }
    case 'unary':
      return { ...expression, operand: unbound(expression.operand) }
    case 'binary':
      return { ...expression, left: unbound(expression.left), right: unbound(expression.right) }
    case 'array':
      return { ...expression, items: expression.items.map(unbound) }
    case 'call':
      return { ...expression, args: (expression.args ?? []).map(unbound) }
    default:
      return expression
  }
}
