import type { DataModel, Model, StoredRow } from '@zenstack-live/model'
import { AccessError } from './access-error.ts'
import { TRUE, type Condition } from './condition.ts'
import type { DecisionContext } from './decision-context.ts'
import type { KeySetSpec } from './key-set.ts'
import { maskRow, modelPolicyOf, type FieldPolicy, type ModelPolicy } from './model-policy.ts'
import { createPlanNotes, type PlanNotes } from './plan-notes.ts'
import { isUndecidable } from './policy/policy-scope.ts'
import { and } from './truth.ts'
import { compileWhere } from './where/compile-where.ts'

/** What a plan says of a row; `ask-database` is never wrong. */
export type Verdict = true | false | 'ask-database'

/** `where` and read policies of one model as one decision, shared by all users. */
export interface RowPlan {
  readonly model: Model
  /** Whether memory can decide every row. Even then a row or an `auth()` of unexpected shape gets `ask-database`. */
  readonly isLocal: boolean
  /** Why the database must be asked. */
  readonly reasons: readonly string[]
  /** Fields the decision reads, those of field policies included. */
  readonly fields: ReadonlySet<string>
  /** Some policy compares with `now()`: the answer can change without a change of the row. */
  readonly readsNow: boolean
  /** Sets of keys that {@link DecisionContext.keySets} must hold. */
  readonly keySets: readonly KeySetSpec[]
  /** Fields that not everybody may read. */
  readonly guardedFields: ReadonlySet<string>
  /** Whether the row is part of what this identity gets. */
  decide(row: StoredRow, context: DecisionContext): Verdict
  /** Fields whose values this identity may read; the others it gets as `null`. */
  visibleFields(row: StoredRow, context: DecisionContext): ReadonlySet<string> | 'ask-database'
  /** The row as this identity may read it, unreadable values NULL: for `presentRow` and `SortPlan.sortKey`. */
  mask(row: StoredRow, context: DecisionContext): StoredRow | 'ask-database'
}

export interface RowPlanOptions {
  readonly model: string
  /** Validated, as {@link validateArgs} gives it. */
  readonly where?: unknown
  /** `false` for a client without the policy plugin. */
  readonly isPolicyOn: boolean
}

const NO_POLICY: ModelPolicy = { condition: TRUE, notes: createPlanNotes(), fields: [] }

/**
 * @throws {AccessError} `unknown_model`
 */
export function compileRowPlan(data: DataModel, options: RowPlanOptions): RowPlan {
  const model = data.models.get(options.model)
  if (model === undefined) throw new AccessError('unknown_model', `There is no model "${options.model.slice(0, 80)}".`)
  const policy = options.isPolicyOn ? modelPolicyOf(data, model) : NO_POLICY
  const notes = createPlanNotes()
  for (const reason of reasonsOfModel(data, model)) notes.reasons.add(reason)
  const where = compileWhere({ data, model, notes }, options.where)
  for (const { name } of policy.fields) {
    if (model.fields.get(name)?.labels?.isMapped !== true) continue
    notes.reasons.add(`policy: guarded "${name}" shows the labels of its mapped enum`)
    // A member is then sent as it is, and the type does not know it.
    if (notes.fields.has(name)) notes.mayFail = true
  }
  // What `where` reads is read through the mask, and the mask has reasons of its own.
  const allNotes = [notes, policy.notes, ...policy.fields.map((field) => field.notes)]
  const isMasked = policy.fields.some((field) => notes.fields.has(field.name))
  return createPlan(model, policy, where, isMasked, allNotes)
}

function createPlan(model: Model, policy: ModelPolicy, where: Condition, isMasked: boolean, allNotes: readonly PlanNotes[]): RowPlan {
  const reasons = [...new Set(allNotes.flatMap((notes) => [...notes.reasons]))]
  const mayFail = allNotes.some((notes) => notes.mayFail)
  const isFit = authFitness(allNotes)
  const guardedFields = new Set(policy.fields.map((field) => field.name))
  return {
    model,
    isLocal: reasons.length === 0,
    reasons,
    fields: new Set(allNotes.flatMap((notes) => [...notes.fields])),
    readsNow: allNotes.some((notes) => notes.readsNow),
    keySets: [...new Map(allNotes.flatMap((notes) => [...notes.keySets])).values()],
    guardedFields,
    decide(row, context) {
      if (mayFail || !isFit(context)) return 'ask-database'
      return decidable(() => {
        const allowed = policy.condition(row, context)
        if (allowed === false || allowed === null) return false
        const truth = and(allowed, where(isMasked ? maskRow(policy.fields, row, context) : row, context))
        return truth === undefined ? 'ask-database' : truth === true
      })
    },
    visibleFields(row, context) {
      if (!isFit(context)) return 'ask-database'
      return decidable(() => visibleFields(model, policy.fields, row, context))
    },
    mask(row, context) {
      if (policy.fields.length === 0) return row
      if (!isFit(context)) return 'ask-database'
      return decidable(() => {
        const masked = maskRow(policy.fields, row, context)
        return policy.fields.some(({ name }) => masked[name] === undefined && row[name] !== undefined) ? 'ask-database' : masked
      })
    },
  }
}

function visibleFields(
  model: Model,
  policies: readonly FieldPolicy[],
  row: StoredRow,
  context: DecisionContext,
): ReadonlySet<string> | 'ask-database' {
  const visible = new Set(model.fields.keys())
  for (const { name, condition } of policies) {
    const truth = condition(row, context)
    if (truth === undefined) return 'ask-database'
    if (truth !== true) visible.delete(name)
  }
  return visible
}

/** Whether all values of an `auth()` can be sent as policies send them; looked at once for each. */
function authFitness(allNotes: readonly PlanNotes[]): (context: DecisionContext) => boolean {
  const checks = allNotes.flatMap((notes) => notes.authChecks)
  if (checks.length === 0) return () => true
  const check = (context: DecisionContext): boolean => decidable(() => checks.forEach((each) => each(context))) !== 'ask-database'
  const known = new WeakMap<object, boolean>()
  let ofNobody: boolean | undefined
  return (context) => {
    if (context.auth === null) return (ofNobody ??= check(context))
    let isFit = known.get(context.auth)
    if (isFit === undefined) known.set(context.auth, (isFit = check(context)))
    return isFit
  }
}

function decidable<Result>(decide: () => Result): Result | 'ask-database' {
  try {
    return decide()
  } catch (error) {
    if (isUndecidable(error)) return 'ask-database'
    throw error
  }
}

/** What makes rows of a model more than the columns of their table. */
function reasonsOfModel(data: DataModel, model: Model): string[] {
  const reasons: string[] = []
  if (model.refusal !== undefined) reasons.push(`model: ${model.refusal.message}`)
  if (model.base !== undefined || model.isDelegate || model.subModels.length > 0) reasons.push('model: rows span the tables of a delegate')
  if (model.hasRowSecurity) reasons.push('model: native row-level security')
  for (const field of model.fields.values()) {
    if (field.isOpaque) reasons.push(`model: the stream does not say what "${field.name}" shows`)
    if (field.type === 'Enum' && field.isList && field.labels?.isMapped === true) reasons.push(`model: "${field.name}" is a list of a mapped enum`)
    const isFine = field.typmod < 0 || field.typmod > 3
    if (model.idFields.includes(field.name) && field.type === 'DateTime' && field.columnType !== 'date' && isFine) {
      reasons.push(`model: key "${field.name}" has microseconds that records do not show`)
    }
  }
  return data.schema.provider.type === 'postgresql' ? reasons : [...reasons, 'model: the schema is not for Postgres']
}
