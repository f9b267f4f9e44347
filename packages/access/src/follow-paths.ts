import type { DataModel, Model, Relation } from '@zenstack-live/model'
import type { Expression } from '@zenstackhq/schema'
import { isAuth, keyOf } from './policy/operand.ts'

type See = (model: Model, relation?: Relation) => void
type Call = Extract<Expression, { kind: 'call' }>
type SeeCall = (call: Call, self: string | undefined) => void
type Member = Extract<Expression, { kind: 'member' }>

interface Place {
  readonly data: DataModel
  readonly see: See
  readonly seeCall: SeeCall
  /** The model whose policy it is: `this`. */
  readonly outer: string
  /** The model that bare fields belong to; `undefined` inside lists of `auth()`, whose items are no rows. */
  readonly self: string | undefined
  readonly bindings: ReadonlyMap<string, string | undefined>
}

/**
 * Calls `see` for every model that the paths of a policy's expression lead to, and `seeCall` for every function, with the model that bare
 * fields belong to there.
 */
export function followPaths(data: DataModel, modelName: string, expression: Expression, see: See, seeCall: SeeCall): void {
  follow({ data, see, seeCall, outer: modelName, self: modelName, bindings: new Map() }, expression)
}

/** @param isIdAsked - it is compared with `auth()`: a relation at its end stands for the id of its row */
function follow(place: Place, expression: Expression, isIdAsked = false): void {
  switch (expression.kind) {
    case 'field':
      walkPath(place, place.self, [expression.field], isIdAsked)
      break
    case 'member':
      followMember(place, expression, isIdAsked)
      break
    case 'unary':
      follow(place, expression.operand)
      break
    case 'array':
      for (const item of expression.items) follow(place, item)
      break
    case 'call':
      place.seeCall(expression, place.self)
      for (const arg of expression.args ?? []) follow(place, arg)
      break
    case 'binary': {
      const { op, left, right, binding } = expression
      const isEquality = op === '==' || op === '!='
      follow(place, left, isEquality && isAuth(right))
      const self = op === '?' || op === '!' || op === '^' ? targetOf(place, left) : place.self
      const bindings = binding === undefined ? place.bindings : new Map(place.bindings).set(binding, self)
      follow({ ...place, self, bindings }, right, isEquality && isAuth(left))
      break
    }
    default:
  }
}

/** The model that a predicate's items are rows of. */
function targetOf(place: Place, left: Expression): string | undefined {
  if (left.kind === 'field') return walkPath(place, place.self, [left.field])
  return left.kind === 'member' ? followMember(place, left) : undefined
}

function followMember(place: Place, { receiver, members }: Member, isIdAsked = false): string | undefined {
  if (isAuth(receiver)) return undefined
  if (receiver.kind === 'this') return walkPath(place, place.outer, members, isIdAsked)
  if (receiver.kind === 'binding') return walkPath(place, place.bindings.get(receiver.name), members, isIdAsked)
  return receiver.kind === 'field' ? walkPath(place, place.self, [receiver.field, ...members], isIdAsked) : undefined
}

function walkPath({ data, see }: Place, from: string | undefined, path: readonly string[], isIdAsked = false): string | undefined {
  let current = from
  for (const [index, name] of path.entries()) {
    const model = current === undefined ? undefined : data.models.get(current)
    const relation = model?.relations.get(name)
    if (relation === undefined) {
      const origin = current === undefined ? undefined : data.schema.models[current]?.fields[name]?.originModel
      const base = origin === undefined ? undefined : data.models.get(origin)
      if (base !== undefined) see(base)
      return undefined
    }
    current = relation.model
    const related = data.models.get(current)
    // What is asked of the last row is its key, and that stands here.
    const asked = index + 2 === path.length ? path.slice(index + 1) : index + 1 === path.length && isIdAsked ? (related?.idFields ?? []) : []
    const isHere = asked.length > 0 && related?.hasRowSecurity !== true && asked.every((member) => model && keyOf(data, model, relation, member))
    if (related !== undefined && !isHere) see(related, relation)
  }
  return current
}
