import { compileRowPlan, type ReadDependencies, type RowPlan } from '@zenstack-live/access'
import type { DataModel, Model } from '@zenstack-live/model'

/** Rows of one model whose policies compare `now()` with what the rows hold, or with what is known of who asks. */
export interface TimedRows {
  /** The model's read policies, and nothing else. */
  readonly plan: RowPlan
  /** Other rows do not matter; `undefined` when all do. */
  readonly where: object | undefined
}

export interface TimedRowsOptions {
  readonly model: Model
  /** As ZenStack takes them. */
  readonly validated: unknown
  readonly dependencies: ReadDependencies
  /** Nothing about the client changes reads but the policies. */
  readonly isPlain: boolean
}

/** Columns that hold moments as `Date` does, but for its microseconds. */
const MOMENTS: ReadonlySet<string> = new Set(['timestamp', 'timestamptz'])
const COMBINATORS: ReadonlySet<string> = new Set(['AND', 'OR', 'NOT'])

/**
 * All rows by whose times an answer can change while nothing is written; none where no policy asks for the time.
 *
 * @returns `undefined` where that cannot be told: a rule compares the time with rows of other models, or something reads what is not known here
 */
export function timedRowsOf(data: DataModel, options: TimedRowsOptions): readonly TimedRows[] | undefined {
  const { model, dependencies, isPlain } = options
  const { timedModels, unknown, readsNow } = dependencies
  if (!readsNow) return []
  if (!isPlain || timedModels === undefined || unknown.length > 0) return undefined
  const plans = [...timedModels].map((name) => compileRowPlan(data, { model: name, isPolicyOn: true }))
  if (!plans.every((plan) => plan.readsNow && plan.isLocal && holdsMoments(plan))) return undefined
  return plans.map((plan) => ({ plan, where: plan.model === model ? ownWhere(data, plan, options) : undefined }))
}

function holdsMoments({ model, timeFields }: RowPlan): boolean {
  return [...timeFields].every((name) => MOMENTS.has(model.fields.get(name)?.columnType ?? ''))
}

/** The query's own condition, where it means the same to whoever may read everything. */
function ownWhere(data: DataModel, { model, guardedFields }: RowPlan, { validated, dependencies }: TimedRowsOptions): object | undefined {
  const { where, cursor } = Object(validated) as { where?: object; cursor?: unknown }
  // A cursor's row need not match it.
  if (where === undefined || cursor !== undefined || !dependencies.readsOwnTableOnce) return undefined
  // `findUnique` also takes names of keys of several fields.
  if (!Object.keys(where).every((name) => model.fields.has(name) || COMBINATORS.has(name))) return undefined
  const plan = compileRowPlan(data, { model: model.name, where, isPolicyOn: false })
  return plan.isLocal && ![...plan.fields].some((name) => guardedFields.has(name)) ? where : undefined
}
