import type { DataModel, Model, StoredRow } from '@zenstack-live/model'
import { AccessError } from './access-error.ts'
import type { Condition } from './condition.ts'
import type { DecisionContext } from './decision-context.ts'
import type { KeySetSpec } from './key-set.ts'
import { modelFactsOf } from './model-facts.ts'
import { maskRow, modelPolicyOf, NO_POLICY, type FieldPolicy, type ModelPolicy } from './model-policy.ts'
import { createPlanNotes, mayFail, type PlanNotes } from './plan-notes.ts'
import { isUndecidable } from './policy/policy-scope.ts'
import { nowOf, soonest } from './soonest.ts'
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
  /** Fields whose times policies compare with `now()`. Those of a plan that `isLocal` are all there are. */
  readonly timeFields: ReadonlySet<string>
  /** Sets of keys that {@link DecisionContext.keySets} must hold. */
  readonly keySets: readonly KeySetSpec[]
  /** Fields that not everybody may read. */
  readonly guardedFields: ReadonlySet<string>
  /** Whether the row is part of what this identity gets. */
  decide(row: StoredRow, context: DecisionContext): Verdict
  /** Fields whose values this identity may read; the others it gets as `null`. */
  visibleFields(row: StoredRow, context: DecisionContext): ReadonlySet<string> | 'ask-database'
  /**
   * The next moment, in milliseconds since 1970, at which `now()` alone can change the answer or the visible fields of this row;
   * `undefined` when there is none. Of a row without values: the next that is known whatever the row is. Only for a plan that `isLocal`.
   */
  nextChange(row: StoredRow, context: DecisionContext): number | 'ask-database' | undefined
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

/**
 * @throws {AccessError} `unknown_model`
 */
export function compileRowPlan(data: DataModel, options: RowPlanOptions): RowPlan {
  const model = data.models.get(options.model)
  if (model === undefined) throw new AccessError('unknown_model', `There is no model "${options.model.slice(0, 80)}".`)
  const policy = options.isPolicyOn ? modelPolicyOf(data, model) : NO_POLICY
  const notes = createPlanNotes()
  const facts = modelFactsOf(data, model)
  for (const reason of facts.reasons) notes.reasons.add(reason)
  // Other encodings order texts by bytes of their own, and refuse parameters that they have no bytes for.
  if (data.catalog.encoding !== 'UTF8') mayFail(notes, `model: the database's encoding is ${data.catalog.encoding}`)
  // ZenStack maps the members of such a list one by one wherever fields have policies, and Postgres takes none of them for an array.
  if (facts.hasMappedList && policy.fields.length > 0) notes.mayFail = true
  const where = compileWhere({ data, model, notes }, options.where)
  for (const { name } of policy.fields) {
    if (model.fields.get(name)?.labels?.isMapped !== true) continue
    notes.reasons.add(`policy: guarded "${name}" shows the labels of its mapped enum`)
    // A member is then sent as it is, and the type does not know it.
    if (notes.fields.has(name)) notes.mayFail = true
  }
  return new CompiledPlan(model, policy, where, notes)
}

/** Many plans are alive at once: what they share is not copied, and what is rarely asked for is made when it is. */
class CompiledPlan implements RowPlan {
  readonly model: Model
  readonly #policy: ModelPolicy
  readonly #where: Condition
  readonly #whereFields: readonly string[]
  readonly #whereReasons: readonly string[]
  readonly #mayFail: boolean
  /** `where` reads fields that a policy may show as NULL. */
  readonly #isMasked: boolean

  constructor(model: Model, policy: ModelPolicy, where: Condition, notes: PlanNotes) {
    this.model = model
    this.#policy = policy
    this.#where = where
    this.#whereFields = [...notes.fields]
    this.#whereReasons = notes.reasons.size === 0 ? NOTHING : [...notes.reasons]
    this.#mayFail = notes.mayFail || policy.all.mayFail
    this.#isMasked = policy.fields.some((field) => notes.fields.has(field.name))
  }

  get isLocal(): boolean {
    return this.#whereReasons.length === 0 && this.#policy.all.reasons.length === 0
  }

  get reasons(): readonly string[] {
    return [...new Set([...this.#whereReasons, ...this.#policy.all.reasons])]
  }

  get fields(): ReadonlySet<string> {
    return new Set([...this.#whereFields, ...this.#policy.all.fields])
  }

  get readsNow(): boolean {
    return this.#policy.all.readsNow
  }

  get timeFields(): ReadonlySet<string> {
    return new Set(this.#policy.all.instants.flatMap(({ field }) => field ?? []))
  }

  get keySets(): readonly KeySetSpec[] {
    return this.#policy.all.keySets
  }

  get guardedFields(): ReadonlySet<string> {
    return this.#policy.all.guardedFields
  }

  decide(row: StoredRow, context: DecisionContext): Verdict {
    if (this.#mayFail || !this.#policy.all.isFit(context)) return 'ask-database'
    try {
      const allowed = this.#policy.condition(row, context)
      if (allowed === false || allowed === null) return false
      const seen = this.#isMasked ? maskRow(this.#policy.fields, row, context) : row
      const truth = and(allowed, this.#where(seen, context))
      return truth === undefined ? 'ask-database' : truth === true
    } catch (error) {
      return askIfUndecidable(error)
    }
  }

  visibleFields(row: StoredRow, context: DecisionContext): ReadonlySet<string> | 'ask-database' {
    if (!this.#policy.all.isFit(context)) return 'ask-database'
    try {
      return visibleFields(this.model, this.#policy.fields, row, context)
    } catch (error) {
      return askIfUndecidable(error)
    }
  }

  mask(row: StoredRow, context: DecisionContext): StoredRow | 'ask-database' {
    const { fields } = this.#policy
    if (fields.length === 0) return row
    if (!this.#policy.all.isFit(context)) return 'ask-database'
    try {
      const masked = maskRow(fields, row, context)
      return fields.some(({ name }) => masked[name] === undefined && row[name] !== undefined) ? 'ask-database' : masked
    } catch (error) {
      return askIfUndecidable(error)
    }
  }

  nextChange(row: StoredRow, context: DecisionContext): number | 'ask-database' | undefined {
    if (!this.#policy.all.isFit(context)) return 'ask-database'
    const times = this.#policy.all.instants.map((instant) => instant.at(row, context))
    const next = soonest(times, context.now)
    if (next === undefined) return undefined
    return next === nowOf(context.now) ? Math.floor(context.now) + 1 : Number((next + 999n) / 1000n)
  }
}

const NOTHING: readonly string[] = []

function askIfUndecidable(error: unknown): 'ask-database' {
  if (isUndecidable(error)) return 'ask-database'
  throw error
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
