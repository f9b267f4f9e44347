import { tableKey, type DataModel, type Model, type Relation } from '@zenstack-live/model'
import type { Expression } from '@zenstackhq/schema'
import { isAuth } from './policy/operand.ts'
import { rulesOf } from './policy/compile-policy.ts'
import { visit } from './policy/auth-expressions.ts'

/** What an answer is made of. */
export interface ReadDependencies {
  /** `schema.table` of every table a change of which can change the answer. */
  readonly tables: ReadonlySet<string>
  /** The models among them. */
  readonly models: ReadonlySet<string>
  /** A policy asks for the time: the answer can change with no change at all. */
  readonly readsNow: boolean
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
  const walk = createWalk(data, query.isPolicyOn)
  walk.model(query.model)
  walk.args(query.model, query.args)
  return walk.result()
}

interface Walk {
  model(name: string): void
  args(model: string, args: unknown): void
  result(): ReadDependencies
}

function createWalk(data: DataModel, isPolicyOn: boolean): Walk {
  const tables = new Set<string>()
  const models = new Set<string>()
  const unknown = new Set<string>()
  const policies = new Set<string>()
  let readsNow = false

  const touch = (model: Model | undefined): void => {
    if (model === undefined) return
    models.add(model.name)
    tables.add(tableKey(model.table))
  }
  /** The model's row as a reader sees it: its bases, what extends it, and their policies. */
  const visitModel = (name: string): void => {
    const model = data.models.get(name)
    if (model === undefined) return
    const isNew = !models.has(name)
    touch(model)
    if (isPolicyOn) visitPolicies(name, 'read')
    if (!isNew) return
    for (const field of model.computedFields) unknown.add(`computed field "${name}.${field}"`)
    if (model.base !== undefined) visitModel(model.base)
    for (const sub of model.subModels) visitModel(sub)
  }
  const visitRelation = (relation: Relation): void => {
    if (relation.joinTable !== undefined) tables.add(tableKey(relation.joinTable.table))
  }
  const visitPolicies = (name: string, operation: string): void => {
    const key = `${name} ${operation}`
    if (policies.has(key)) return
    policies.add(key)
    const definition = data.schema.models[name]
    for (const rule of rulesOf(definition?.attributes, '@@', operation)) visitExpression(name, rule.condition, operation)
    if (operation !== 'read') return
    for (const field of Object.values(definition?.fields ?? {})) {
      for (const rule of rulesOf(field.attributes, '@', 'read')) visitExpression(name, rule.condition, operation)
    }
  }
  /** Policies reach related rows past those rows' own policies, so only the tables count. */
  const visitExpression = (modelName: string, expression: Expression, operation: string): void => {
    visit(expression, (each) => {
      if (each.kind === 'call' && each.function === 'now') readsNow = true
      if (each.kind === 'call' && !FUNCTIONS.has(each.function)) unknown.add(`function "${each.function}"`)
      if (each.kind === 'call' && each.function === 'check') visitCheck(modelName, each.args ?? [], operation)
    })
    followPaths(data, modelName, expression, (model, relation) => {
      touch(model)
      if (model.base !== undefined)
        for (let base = data.models.get(model.base); base !== undefined; base = data.models.get(base.base ?? '')) touch(base)
      if (relation !== undefined) visitRelation(relation)
    })
  }
  const visitCheck = (modelName: string, args: readonly Expression[], operation: string): void => {
    const [field, checked] = args
    const relation = field?.kind === 'field' ? data.models.get(modelName)?.relations.get(field.field) : undefined
    if (relation === undefined) return
    touch(data.models.get(relation.model))
    visitPolicies(relation.model, checked?.kind === 'literal' ? String(checked.value) : operation)
  }
  const visitArgs = (modelName: string, args: unknown): void => {
    const model = data.models.get(modelName)
    if (model === undefined || typeof args !== 'object' || args === null) return
    if (Array.isArray(args)) {
      for (const item of args as unknown[]) visitArgs(modelName, item)
      return
    }
    for (const [key, value] of Object.entries(args)) {
      const relation = model.relations.get(key)
      if (relation !== undefined && value !== undefined && value !== false) {
        visitRelation(relation)
        visitModel(relation.model)
        visitArgs(relation.model, value)
      } else if (key === '_count' && value === true) {
        for (const each of model.relations.values()) if (each.isList) visitArgs(modelName, { [each.name]: true })
      } else if (typeof value === 'object') {
        // where, select, AND, some, orderBy…: what stands below is still about this model, or is a value.
        visitArgs(modelName, value as unknown)
      }
    }
  }
  return {
    model: visitModel,
    args: visitArgs,
    result: () => ({ tables, models, readsNow, unknown: [...unknown] }),
  }
}

/** Calls `see` for every model that an expression's paths lead through. */
function followPaths(data: DataModel, modelName: string, expression: Expression, see: (model: Model, relation?: Relation) => void): void {
  const walkPath = (from: string | undefined, path: readonly string[]): string | undefined => {
    let current = from
    for (const name of path) {
      const relation = current === undefined ? undefined : data.models.get(current)?.relations.get(name)
      if (relation === undefined) {
        const owner = current === undefined ? undefined : data.schema.models[current]?.fields[name]?.originModel
        const base = owner === undefined ? undefined : data.models.get(owner)
        if (base !== undefined) see(base)
        return undefined
      }
      current = relation.model
      const model = data.models.get(current)
      if (model !== undefined) see(model, relation)
    }
    return current
  }
  const walk = (each: Expression, self: string | undefined, bindings: ReadonlyMap<string, string | undefined>): void => {
    switch (each.kind) {
      case 'field':
        walkPath(self, [each.field])
        break
      case 'member':
        if (!isAuth(each.receiver)) walkPath(startOf(each.receiver), pathOf(each))
        break
      case 'unary':
        walk(each.operand, self, bindings)
        break
      case 'array':
        for (const item of each.items) walk(item, self, bindings)
        break
      case 'call':
        for (const arg of each.args ?? []) walk(arg, self, bindings)
        break
      case 'binary': {
        walk(each.left, self, bindings)
        const isPredicate = each.op === '?' || each.op === '!' || each.op === '^'
        // Items of `auth()` lists are no rows: names in their predicates lead nowhere unless they begin with `this`.
        const inner = isPredicate ? targetOf(each.left) : self
        walk(each.right, inner, each.binding === undefined ? bindings : new Map(bindings).set(each.binding, inner))
        break
      }
      default:
    }
    function startOf(receiver: Expression): string | undefined {
      if (receiver.kind === 'this') return modelName
      return receiver.kind === 'binding' ? bindings.get(receiver.name) : self
    }
    function pathOf(member: Extract<Expression, { kind: 'member' }>): string[] {
      return member.receiver.kind === 'field' ? [member.receiver.field, ...member.members] : [...member.members]
    }
    function targetOf(left: Expression): string | undefined {
      if (left.kind === 'field') return walkPath(self, [left.field])
      return left.kind === 'member' && !isAuth(left.receiver) ? walkPath(startOf(left.receiver), pathOf(left)) : undefined
    }
  }
  walk(expression, modelName, new Map())
}
