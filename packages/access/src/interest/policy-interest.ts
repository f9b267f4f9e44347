import type { Expression } from '@zenstackhq/schema'
import type { DataModel, Field, Model, StoredScalar } from '@zenstack-live/model'
import type { DecisionContext } from '../decision-context.ts'
import { modelPolicyOf, type ModelPolicy } from '../model-policy.ts'
import { createPlanNotes } from '../plan-notes.ts'
import { columnKind } from '../policy/column-kind.ts'
import { compileExpression } from '../policy/compile-expression.ts'
import { rulesOf } from '../policy/compile-policy.ts'
import { compileOperand, isAuth, type Operand } from '../policy/operand.ts'
import { isUndecidable, type PolicyScope } from '../policy/policy-scope.ts'
import { keyOfScalar, keyOfText, NULL_KEY, type InterestBranch, type InterestKey } from './interest.ts'
import { cheapest, isCommon } from './where-interest.ts'

/** Sets whose keys can be listed. */
export interface ListableKeySets {
  get(id: string): { has(key: string): boolean; keys(): Iterable<string> } | undefined
}

export interface InterestContext extends DecisionContext {
  readonly keySets?: ListableKeySets
}

type Branches = readonly InterestBranch[] | undefined
type BranchesOf = (context: InterestContext) => Branches

/** A thousand queries of one person ask the same: the rules are read once for each model. */
const compiled = new WeakMap<ModelPolicy, BranchesOf>()

/** The rows that read policies can let this identity see; `undefined` when it cannot be said. */
export function interestOfPolicy(data: DataModel, model: Model, context: InterestContext): readonly InterestBranch[] | undefined {
  const policy = modelPolicyOf(data, model)
  if (policy.notes.mayFail) return undefined
  try {
    let branchesOf = compiled.get(policy)
    if (branchesOf === undefined) compiled.set(policy, (branchesOf = compile(data, model)))
    return branchesOf(context)
  } catch (error) {
    if (isUndecidable(error)) return undefined
    throw error
  }
}

function compile(data: DataModel, model: Model): BranchesOf {
  const scope: PolicyScope = { data, notes: createPlanNotes(), model, operation: 'read' }
  const allows = rulesOf(data.schema.models[model.name]?.attributes, '@@', 'read').filter((rule) => rule.kind === 'allow')
  return anyOf(allows.map((rule) => interestOf(scope, rule.condition)))
}

const SAYS_NOTHING: BranchesOf = () => undefined
const NO_ROW: BranchesOf = () => []

function anyOf(choices: readonly BranchesOf[]): BranchesOf {
  return (context) => {
    const branches: InterestBranch[] = []
    for (const choice of choices) {
      const found = choice(context)
      if (found === undefined) return undefined
      branches.push(...found)
    }
    return branches
  }
}

/** No branches mean: no row. */
function interestOf(scope: PolicyScope, expression: Expression): BranchesOf {
  if (expression.kind === 'literal') return expression.value === true ? SAYS_NOTHING : NO_ROW
  if (expression.kind === 'field') return flag(compileOperand(scope, expression), true)
  if (expression.kind === 'unary') return expression.operand.kind === 'field' ? flag(compileOperand(scope, expression.operand), false) : SAYS_NOTHING
  if (expression.kind !== 'binary') return SAYS_NOTHING
  const { op, left, right } = expression
  switch (op) {
    case '&&':
      return bothOf(interestOf(scope, left), interestOf(scope, right))
    case '||':
      return anyOf([interestOf(scope, left), interestOf(scope, right)])
    case '==':
      return isAuth(left) || isAuth(right)
        ? ofAuthRow(scope, isAuth(left) ? right : left)
        : ofEquality(compileOperand(scope, left), compileOperand(scope, right), scope)
    case '?':
      return ofMembership(scope, expression)
    default:
      return SAYS_NOTHING
  }
}

function bothOf(one: BranchesOf, other: BranchesOf): BranchesOf {
  return (context) => {
    const [a, b] = [one(context), other(context)]
    if (a === undefined) return b
    if (b === undefined) return a
    return a.length === 0 || b.length === 0 ? [] : cheapest([a, b])
  }
}

function flag(operand: Operand, value: boolean): BranchesOf {
  if (operand.kind !== 'column' || operand.field.type !== 'Boolean' || operand.field.isList) return SAYS_NOTHING
  const branches: Branches = [{ kind: 'keys', fields: [operand.name], isList: false, isCommon: true, keys: [String(value)] }]
  return () => branches
}

function ofAuthRow(scope: PolicyScope, other: Expression): BranchesOf {
  if (other.kind === 'null') return SAYS_NOTHING
  const ids = Object.values(scope.data.schema.models[scope.data.schema.authType ?? '']?.fields ?? {}).filter((field) => field.id === true)
  const [id] = ids
  if (id === undefined) return SAYS_NOTHING
  const member: Expression =
    other.kind === 'member' ? { ...other, members: [...other.members, id.name] } : { kind: 'member', receiver: other, members: [id.name] }
  const own: Expression = { kind: 'member', receiver: { kind: 'call', function: 'auth' }, members: [id.name] }
  return ofEquality(compileOperand(scope, member), compileOperand(scope, own), scope)
}

function ofEquality(left: Operand, right: Operand, scope: PolicyScope): BranchesOf {
  const [column, value] = left.kind === 'column' ? [left, right] : [right, left]
  if (column.kind === 'value' && value.kind === 'value') return (context) => ofConstants(column.read(context), value.read(context))
  if (column.kind !== 'column' || value.kind !== 'value' || value.isList) return SAYS_NOTHING
  const own = scope.model.fields.get(column.name)
  if (own === undefined || own.columnType !== column.field.columnType) return SAYS_NOTHING
  return (context) => {
    const key = keyOfSent(scope, column.field, value.read(context))
    // A key of several columns is NULL when one of them is: which one, no single column tells.
    if (key === NULL_KEY && column.others !== undefined) return undefined
    return key === undefined ? undefined : [{ kind: 'keys', fields: [column.name], isList: false, isCommon: isCommon(own), keys: [key] }]
  }
}

/** A part of a rule that asks about the reader alone either lets nothing through or says nothing. */
function ofConstants(a: unknown, b: unknown): Branches {
  if (typeof a === 'object' || typeof b === 'object') return a === null || b === null ? (a === b ? undefined : []) : undefined
  return typeof a === typeof b && a !== b ? [] : undefined
}

function keyOfSent(scope: PolicyScope, field: Field, sent: unknown): InterestKey | undefined {
  if (sent === null) return NULL_KEY
  const kind = columnKind(scope.data, field, true)
  if (kind === undefined || typeof sent === 'object') return undefined
  const operand = kind.ofSent(sent as string | number | bigint | boolean)
  // Casts and fractions give values that no stored one is written like: those are left to the decision.
  if (kind.family === 'text' && field.columnType !== 'text' && field.columnType !== 'varchar' && field.columnType !== 'uuid') return undefined
  if (kind.family === 'number' && (field.type === 'Float' || field.type === 'Decimal')) return undefined
  return keyOfScalar(field, operand as StoredScalar)
}

function ofMembership(scope: PolicyScope, expression: Expression): BranchesOf {
  const notes = createPlanNotes()
  compileExpression({ ...scope, notes }, expression)
  const [spec] = notes.keySets.values()
  if (spec === undefined || notes.reasons.size > 0) return SAYS_NOTHING
  const [only] = spec.ownFields.length === 1 ? spec.ownFields.map((name) => scope.model.fields.get(name)) : []
  return (context) => {
    const set = context.keySets?.get(spec.id)
    if (set === undefined) return undefined
    const keys = only === undefined ? [...set.keys()] : Array.from(set.keys(), (key) => keyOfText(only, key))
    return [{ kind: 'keys', fields: spec.ownFields, isList: false, keys }]
  }
}
