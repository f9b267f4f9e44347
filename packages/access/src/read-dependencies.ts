import { tableKey, type DataModel, type Model, type Relation } from '@zenstack-live/model'
import type { Expression } from '@zenstackhq/schema'
import { followPaths } from './follow-paths.ts'
import { rulesOf } from './policy/compile-policy.ts'

/** What an answer is made of. */
export interface ReadDependencies {
  /** `schema.table` of every table a change of which can change the answer. */
  readonly tables: ReadonlySet<string>
  /** The models among them. */
  readonly models: ReadonlySet<string>
  /** A policy asks for the time: the answer can change with no change at all. */
  readonly readsNow: boolean
  /** Models whose read policies ask for it; `undefined` where others do as well (`check` of another operation). */
  readonly timedModels: ReadonlySet<string> | undefined
  /** The rows of its own table are read as those of the question only: no relation and no policy leads back to that table. */
  readonly readsOwnTableOnce: boolean
  /** What reads tables that cannot be known: functions of the application, computed fields, full text on functions… */
  readonly unknown: readonly string[]
}

export interface ReadQuery {
  readonly model: string
  readonly operation: string
  /** Validated. */
  readonly args?: unknown
  readonly isPolicyOn: boolean
}

const FUNCTIONS: ReadonlySet<string> = new Set(
  'auth now contains startsWith endsWith has hasSome hasEvery isEmpty currentModel currentOperation before check'.split(' '),
)

/** All tables that a read touches: its own, those of relations in any argument, delegates, join tables, and whatever policies read. */
export function readDependencies(data: DataModel, query: ReadQuery): ReadDependencies {
  const walk = new DependencyWalk(data, query)
  walk.visitModel(query.model)
  walk.visitArgs(query.model, query.args)
  return walk
}

class DependencyWalk implements ReadDependencies {
  readonly tables = new Set<string>()
  readonly models = new Set<string>()
  readonly #timedModels = new Set<string>()
  /** Rules of other operations than reads ask for the time. */
  #isTimedElsewhere = false
  readonly #data: DataModel
  readonly #model: string
  readonly #isPolicyOn: boolean
  /** `_count: true` counts the rows themselves; elsewhere those of each list inside a row. */
  readonly #countsRows: boolean
  #ownTableReads = 0
  readonly #unknown = new Set<string>()
  /** Policies already looked at, by model and operation: they may refer to each other in circles. */
  readonly #policies = new Set<string>()

  constructor(data: DataModel, { model, operation, isPolicyOn }: ReadQuery) {
    this.#countsRows = operation === 'aggregate' || operation === 'groupBy'
    this.#data = data
    this.#model = model
    this.#isPolicyOn = isPolicyOn
  }

  get readsOwnTableOnce(): boolean {
    return this.#ownTableReads === 1 && this.#unknown.size === 0
  }

  get readsNow(): boolean {
    return this.#timedModels.size > 0 || this.#isTimedElsewhere
  }

  get timedModels(): ReadonlySet<string> | undefined {
    return this.#isTimedElsewhere ? undefined : this.#timedModels
  }

  get unknown(): readonly string[] {
    return [...this.#unknown]
  }

  /** The model's row as a reader sees it: its bases, what extends it, and their policies. */
  visitModel(name: string): void {
    const model = this.#data.models.get(name)
    if (model === undefined) return
    const isNew = !this.models.has(name)
    this.#touch(model)
    if (this.#isPolicyOn) this.#visitPolicies(name, 'read')
    if (!isNew) return
    for (const field of model.computedFields) this.#unknown.add(`computed field "${name}.${field}"`)
    if (model.base !== undefined) this.visitModel(model.base)
    for (const sub of model.subModels) this.visitModel(sub)
  }

  visitArgs(modelName: string, args: unknown): void {
    const model = this.#data.models.get(modelName)
    if (model === undefined || typeof args !== 'object' || args === null) return
    if (Array.isArray(args)) {
      for (const item of args as unknown[]) this.visitArgs(modelName, item)
      return
    }
    for (const [key, value] of Object.entries(args)) {
      const relation = model.relations.get(key)
      if (relation !== undefined && value !== undefined && value !== false) {
        this.#visitRelation(relation)
        this.visitModel(relation.model)
        this.visitArgs(relation.model, value)
      } else if (key === '_count' && value === true && !this.#countsRows) {
        for (const each of model.relations.values()) if (each.isList) this.visitArgs(modelName, { [each.name]: true })
      } else {
        // where, select, AND, some, orderBy…: what stands below is still about this model, or is a value.
        this.visitArgs(modelName, value)
      }
    }
  }

  #touch(model: Model): void {
    this.models.add(model.name)
    if (model.name === this.#model) this.#ownTableReads++
    this.tables.add(tableKey(model.table))
  }

  #visitRelation(relation: Relation): void {
    if (relation.joinTable !== undefined) this.tables.add(tableKey(relation.joinTable.table))
  }

  #visitPolicies(name: string, operation: string): void {
    const key = `${name} ${operation}`
    if (this.#policies.has(key)) return
    this.#policies.add(key)
    const definition = this.#data.schema.models[name]
    for (const rule of rulesOf(definition?.attributes, '@@', operation)) this.#visitExpression(name, rule.condition, operation)
    if (operation !== 'read') return
    for (const field of Object.values(definition?.fields ?? {})) {
      for (const rule of rulesOf(field.attributes, '@', 'read')) this.#visitExpression(name, rule.condition, operation)
    }
  }

  /** Policies reach related rows past those rows' own policies, so only the tables count. */
  #visitExpression(modelName: string, expression: Expression, operation: string): void {
    const see = (model: Model, relation?: Relation): void => {
      for (let each: Model | undefined = model; each !== undefined; each = this.#data.models.get(each.base ?? '')) this.#touch(each)
      if (relation !== undefined) this.#visitRelation(relation)
    }
    followPaths(this.#data, modelName, expression, see, ({ function: name, args = [] }, self) => {
      if (name === 'now' && operation === 'read') this.#timedModels.add(modelName)
      else if (name === 'now') this.#isTimedElsewhere = true
      if (!FUNCTIONS.has(name)) this.#unknown.add(`function "${name}"`)
      if (name === 'check') this.#visitCheck(self, args, operation)
    })
  }

  #visitCheck(modelName: string | undefined, args: readonly Expression[], operation: string): void {
    const [field, checked] = args
    const relation = field?.kind === 'field' ? this.#data.models.get(modelName ?? '')?.relations.get(field.field) : undefined
    const related = this.#data.models.get(relation?.model ?? '')
    if (related === undefined) return
    this.#touch(related)
    this.#visitPolicies(related.name, checked?.kind === 'literal' ? String(checked.value) : operation)
  }
}
