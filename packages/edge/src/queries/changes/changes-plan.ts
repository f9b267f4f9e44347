import {
  clientFacts,
  compileRowPlan,
  fieldsInRules,
  interestOfQuery,
  readDependencies,
  validateArgs,
  type Interest,
  type InterestContext,
  type RowPlan,
} from '@zenstack-live/access'
import { tableKey, type DataModel, type Model } from '@zenstack-live/model'
import { LiveError, queryId, queryText, type QueryId, type WireQuery } from '@zenstack-live/protocol'
import type { EdgeContext } from '../../edge-context.ts'
import type { Identity } from '../../identity/identity.ts'
import { shownFields, unmasked } from '../incremental/incremental-plan.ts'
import { keyWithheld } from '../complete-args.ts'
import { isOmitted } from '../omitted-field.ts'
import { checkRowSecurity, checkTables, decodeArgs } from '../plan-query.ts'
import { checkQueryBytes } from '../../requests/check-query-bytes.ts'

export type ChangeKind = 'created' | 'updated' | 'deleted'

/** One condition of a `$changes` request, looked at as `findMany({ where })` would look at the row. */
export interface ChangeFilter {
  /** `where` and the read policies. */
  readonly readable: RowPlan
  /** `where` alone, for rows of which the database said who may read them. */
  readonly plain: RowPlan
}

/** A `$changes` request that was understood. */
export interface ChangesPlan {
  readonly q: QueryId
  readonly text: string
  readonly model: Model
  /** Who may read a row at all, and which of its fields. */
  readonly policy: RowPlan
  /** Of a deleted row the key is told, and only to those who could read it. */
  readonly hidesDeleted: boolean
  readonly created: ChangeFilter | undefined
  readonly updated: { readonly before: ChangeFilter | undefined; readonly after: ChangeFilter | undefined } | undefined
  readonly deleted: ChangeFilter | undefined
  /** Fields that an event shows, as far as the policies let it. */
  readonly fields: ReadonlySet<string>
  /** What the conditions on updates look at, shown or not: an update of no field of either kind is none to this reader. */
  readonly conditionFields: ReadonlySet<string>
  /** Memory can decide who may read a row. Otherwise the database is asked before an event is released. */
  readonly isLocal: boolean
  /** Tables that decide who may read a row, its own among them. */
  readonly dependencies: ReadonlySet<string>
  /** Fields of the row that may decide who reads it; `undefined` where something else may: the time, a plugin, a function of the application, the database. */
  readonly decidingFields: ReadonlySet<string> | undefined
  /** What the database is asked for. */
  readonly askedFields: ReadonlySet<string>
  /** Its own table, and those of its membership predicates. */
  readonly tables: ReadonlySet<string>
  interestOf(context: InterestContext): Interest
}

type Where = Readonly<Record<string, unknown>>

const KINDS: readonly ChangeKind[] = ['created', 'updated', 'deleted']
const MAX_PLANS_PER_CLIENT = 1_000
const plans = new WeakMap<object, Map<string, ChangesPlan>>()

/**
 * Understands `{ created?: where, updated?: { before?: where, after?: where }, deleted?: where }`; without arguments, all of it.
 *
 * @throws {LiveError} `bad_json`, `bad_arguments`, `unknown_model`, `unknown_operation`, `too_large`, `table_refused`, and `not_live` for models
 *   whose rows span several tables and for conditions that the row alone cannot answer
 */
export function planChanges(context: EdgeContext, identity: Identity, wire: WireQuery): ChangesPlan {
  const text = queryText(wire)
  checkQueryBytes(text, context.limits)
  const known = plans.get(identity.client.$options) ?? new Map<string, ChangesPlan>()
  plans.set(identity.client.$options, known)
  const plan = known.get(text) ?? makePlan(context, identity, wire, text)
  if (known.size >= MAX_PLANS_PER_CLIENT) known.clear()
  known.set(text, plan)
  checkRowSecurity(context, identity, { tables: plan.dependencies })
  return plan
}

function makePlan(context: EdgeContext, identity: Identity, wire: WireQuery, text: string): ChangesPlan {
  const { data, limits, readNeutralPlugins } = context
  const { client } = identity
  const whereOf = (where: unknown): Where | undefined => {
    if (where === undefined) return undefined
    const args = validateArgs(client, wire.model, 'findMany', { where }, limits)
    return isObject(args) && isObject(args['where']) ? args['where'] : {}
  }
  // Also without conditions: the client may exclude the model.
  validateArgs(client, wire.model, 'findMany', undefined, limits)
  const asked = readKinds(decodeArgs(wire))
  const model = requireModel(context, wire.model)
  const facts = clientFacts(client.$options, { readNeutralPlugins })
  const isPolicyOn = facts.hasPolicyPlugin
  const dependencies = readDependencies(data, { model: model.name, operation: 'findMany', isPolicyOn })
  checkTables(context, dependencies)

  const filterOf = (where: Where | undefined): ChangeFilter | undefined => {
    if (where === undefined) return undefined
    const plain = compileRowPlan(data, { model: model.name, where, isPolicyOn: false })
    const absent = [...plain.fields].filter((name) => context.isWithheld(model.name, name))
    const reasons = [...plain.reasons, ...absent.map((name) => `"${name}" is not in the log`)]
    if (reasons.length > 0) throw new LiveError('not_live', `Changes of ${model.name} cannot be told by this condition: ${reasons.join('; ')}.`)
    return { plain, readable: compileRowPlan(data, { model: model.name, where, isPolicyOn }) }
  }
  const [created, deleted] = [whereOf(asked.created), whereOf(asked.deleted)]
  const updated = asked.updated === undefined ? undefined : { before: whereOf(asked.updated.before), after: whereOf(asked.updated.after) }
  const policy = compileRowPlan(data, { model: model.name, isPolicyOn })
  const fields = shownFields(model, {}, client.$options) ?? new Set()
  const read = [...policy.fields, ...fields]
  const isInLog = (of: Model, names: Iterable<string>): boolean => ![...names].some((name) => context.isWithheld(of.name, name))
  const areSetsInLog = policy.keySets.every((set) => isInLog(set.model, [...set.selectFields, ...set.model.fields.keys()]))
  const isLocal = facts.isIncrementalAllowed && policy.isLocal && isInLog(model, read) && areSetsInLog
  const wheres = [created, deleted, ...(updated === undefined ? [] : (updated.before ?? updated.after) ? [updated.before, updated.after] : [{}])]
  const where = anyOf(wheres.filter((one) => one !== undefined))
  const filters = {
    created: filterOf(created),
    updated: updated === undefined ? undefined : { before: filterOf(updated.before), after: filterOf(updated.after) },
    deleted: filterOf(deleted),
  }
  const conditionFields = fieldsOf(filters.updated?.before, filters.updated?.after)
  const hasRowSecurity = [...dependencies.models].some((name) => data.models.get(name)?.hasRowSecurity === true)
  // Time goes on between two states of a row that are alike.
  const areRulesKnown = facts.isIncrementalAllowed && !hasRowSecurity && dependencies.unknown.length === 0 && !dependencies.readsNow
  const plan: ChangesPlan = {
    q: queryId(wire),
    text,
    model,
    policy: context.guards.masksFields ? policy : unmasked(policy),
    hidesDeleted: context.guards.hidesDeleted,
    ...filters,
    fields,
    conditionFields,
    isLocal,
    dependencies: dependencies.unknown.length === 0 ? dependencies.tables : new Set([...data.models.values()].map(({ table }) => tableKey(table))),
    decidingFields: areRulesKnown ? decidingFields(data, model, dependencies.models) : undefined,
    askedFields: askableFields(model, [...fields, ...conditionFields, ...fieldsOf(filters.created), ...model.idFields], client.$options),
    tables: new Set([tableKey(model.table), ...(isLocal ? policy.keySets : []).map((set) => tableKey(set.model.table))]),
    // Where memory does not know who may read a row, a guarded field may still be NULL to the reader.
    interestOf: (of) => interestOfQuery(data, { model: model.name, where, isPolicyOn, ...(isLocal ? { context: of } : {}) }),
  }
  if (!isLocal) requireAskable(plan)
  return plan
}

/**
 * Where the database says who may read a row, nobody can say it of one that is gone, nor of one that cannot be asked for.
 *
 * @throws {LiveError} `not_live` when deletions are asked for, when the client's options withhold the id, or when a policy may
 */
export function requireAskable({ model, policy, deleted, hidesDeleted, askedFields }: ChangesPlan): void {
  if (model.idFields.some((name) => policy.guardedFields.has(name))) {
    throw new LiveError('not_live', `Changes of ${model.name} cannot be told: only the database knows who may read its id.`)
  }
  const withheld = model.idFields.filter((name) => !askedFields.has(name))
  if (withheld.length > 0) throw keyWithheld(model, withheld)
  if (deleted === undefined || !hidesDeleted) return
  throw new LiveError(
    'not_live',
    `Deletions of ${model.name} cannot be told: only the database knows who may read it. Ask for \`{ created: {}, updated: {} }\`.`,
  )
}

interface AskedKinds {
  created?: unknown
  updated?: { before?: unknown; after?: unknown }
  deleted?: unknown
}

function readKinds(args: unknown): AskedKinds {
  if (args === undefined) return { created: {}, updated: {}, deleted: {} }
  if (!isObject(args)) throw new LiveError('bad_arguments', 'The arguments of $changes are not an object.')
  checkMembers(args, KINDS, '$changes')
  const { created, updated, deleted } = args
  if (created === undefined && updated === undefined && deleted === undefined) {
    throw new LiveError('bad_arguments', `$changes asks for none of ${KINDS.join(', ')}.`)
  }
  if (updated === undefined) return { created, deleted }
  if (!isObject(updated)) throw new LiveError('bad_arguments', '"updated" of $changes is not an object.')
  checkMembers(updated, ['before', 'after'], '"updated"')
  return { created, deleted, updated: { before: updated['before'], after: updated['after'] } }
}

function checkMembers(args: Where, names: readonly string[], what: string): void {
  const other = Object.keys(args).find((name) => !names.includes(name))
  if (other !== undefined) throw new LiveError('bad_arguments', `${what} has no member "${other.slice(0, 80)}"; it takes ${names.join(', ')}.`)
}

function requireModel({ data }: EdgeContext, name: string): Model {
  const model = data.models.get(name)
  if (model === undefined) throw new LiveError('unknown_model', `The database has no model "${name.slice(0, 100)}".`)
  if (model.base === undefined && model.subModels.length === 0 && !model.isDelegate) return model
  throw new LiveError('not_live', `Changes of ${name} cannot be told: its rows span the tables of a delegate.`)
}

/** What policies read of the row, those of other models among them that lead back to it, and the keys by which they reach others. */
function decidingFields(data: DataModel, model: Model, models: Iterable<string>): ReadonlySet<string> {
  const keys = [...model.relations.values()].flatMap((relation) => relation.pairs.map(({ own }) => own))
  return new Set([...fieldsInRules(data, model, models), ...keys, ...model.idFields])
}

/** A client may forbid to ask for what is omitted. */
function askableFields(model: Model, names: readonly string[], clientOptions: object): ReadonlySet<string> {
  const isFree = Reflect.get(clientOptions, 'allowQueryTimeOmitOverride') !== false
  return new Set(names.filter((name) => isFree || !isOmitted(model, name, { clientOptions })))
}

/** What these conditions look at. */
function fieldsOf(...filters: readonly (ChangeFilter | undefined)[]): ReadonlySet<string> {
  return new Set(filters.flatMap((filter) => [...(filter?.plain.fields ?? [])]))
}

function anyOf(wheres: readonly Where[]): Where {
  return wheres.some((where) => Object.keys(where).length === 0) ? {} : { OR: wheres }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
