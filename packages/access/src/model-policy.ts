import type { DataModel, Model, StoredRow, StoredValue } from '@zenstack-live/model'
import { createAuthFitness } from './auth-fitness.ts'
import { TRUE, type Condition } from './condition.ts'
import type { DecisionContext } from './decision-context.ts'
import { compileFieldPolicy, compileModelPolicy } from './policy/compile-policy.ts'
import type { KeySetSpec } from './key-set.ts'
import { createPlanNotes, type Instant, type PlanNotes } from './plan-notes.ts'

/** The read policies of one model, compiled once for all users and queries. */
export interface ModelPolicy {
  readonly condition: Condition
  readonly notes: PlanNotes
  /** Fields that not everybody may read. */
  readonly fields: readonly FieldPolicy[]
  /** What all policies of the model together have learnt. */
  readonly all: PolicySummary
}

/** The same for every plan of a model, so made once. */
interface PolicySummary {
  readonly reasons: readonly string[]
  readonly fields: ReadonlySet<string>
  readonly guardedFields: ReadonlySet<string>
  readonly keySets: readonly KeySetSpec[]
  readonly isFit: (context: DecisionContext) => boolean
  readonly instants: readonly Instant[]
  readonly readsNow: boolean
  readonly mayFail: boolean
}

export interface FieldPolicy {
  readonly name: string
  readonly condition: Condition
  readonly notes: PlanNotes
}

const compiled = new WeakMap<DataModel, Map<string, ModelPolicy>>()

export function modelPolicyOf(data: DataModel, model: Model): ModelPolicy {
  let policies = compiled.get(data)
  if (policies === undefined) compiled.set(data, (policies = new Map()))
  let policy = policies.get(model.name)
  if (policy === undefined) policies.set(model.name, (policy = compile(data, model)))
  return policy
}

function compile(data: DataModel, model: Model): ModelPolicy {
  const notes = createPlanNotes()
  const fields = [...model.fields.keys()].map((name): FieldPolicy => {
    const fieldNotes = createPlanNotes()
    return { name, condition: compileFieldPolicy(data, model, name, fieldNotes), notes: fieldNotes }
  })
  return modelPolicy(
    compileModelPolicy(data, model, notes),
    notes,
    fields.filter((field) => field.condition !== TRUE),
  )
}

function modelPolicy(condition: Condition, notes: PlanNotes, fields: readonly FieldPolicy[]): ModelPolicy {
  const every = [notes, ...fields.map((field) => field.notes)]
  const all: PolicySummary = {
    reasons: [...new Set(every.flatMap((each) => [...each.reasons]))],
    fields: new Set(every.flatMap((each) => [...each.fields])),
    guardedFields: new Set(fields.map((field) => field.name)),
    keySets: [...new Map(every.flatMap((each) => [...each.keySets])).values()],
    isFit: createAuthFitness(every.flatMap((each) => each.authChecks)),
    instants: every.flatMap((each) => each.instants),
    readsNow: every.some((each) => each.readsNow),
    mayFail: every.some((each) => each.mayFail),
  }
  return { condition, notes, fields, all }
}

/** Of a client without policies. */
export const NO_POLICY: ModelPolicy = modelPolicy(TRUE, createPlanNotes(), [])

/** The row as a reader sees it: what may not be read is NULL, what cannot be decided is absent. */
export function maskRow(policies: readonly FieldPolicy[], row: StoredRow, context: DecisionContext): StoredRow {
  let masked: Record<string, StoredValue> | undefined
  for (const { name, condition } of policies) {
    if (row[name] === undefined || row[name] === null) continue
    const truth = condition(row, context)
    if (truth === true) continue
    masked ??= { ...row }
    if (truth === undefined) delete masked[name]
    else masked[name] = null
  }
  return masked ?? row
}
