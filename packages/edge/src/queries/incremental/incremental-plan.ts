import {
  compileRowPlan,
  compileSort,
  interestOfQuery,
  reachOfQuery,
  type Interest,
  type InterestContext,
  type Reach,
  type RowPlan,
  type SortPlan,
} from '@zenstack-live/access'
import { tableKey, type Field, type Model } from '@zenstack-live/model'
import type { LiveOperation } from '@zenstack-live/protocol'
import { isOmitted } from '../omitted-field.ts'
import type { EdgeContext } from '../../edge-context.ts'

/** How memory keeps a query right. */
export interface IncrementalPlan {
  readonly rows: RowPlan
  /** The order of `findMany`; `findUnique` has none. */
  readonly sort: SortPlan | undefined
  /** Fields that the reader gets, as far as the policies let it read them. */
  readonly fields: ReadonlySet<string>
  /** Fields of the order whose microseconds a record does not show: they are asked for beside it. */
  readonly exactTimes: readonly string[]
  /** A row that it did not have leaves without a word. For tests alone it may be otherwise. */
  readonly checksLeaves: boolean
  /** Which rows can concern it at all, for this identity. */
  interestOf(context: InterestContext): Interest
  /** Whether its answer can hold anything at all, for this identity. */
  reachOf(context: InterestContext): Reach
}

interface Asked {
  model: Model
  operation: LiveOperation
  /** As ZenStack takes them. */
  validated: unknown
  isPolicyOn: boolean
  /** The reader gets the id as it is. */
  isKeyShown: boolean
  clientOptions: object
}

type Args = Record<string, unknown>

const PLAIN_KEYS = new Set(['String', 'Int', 'BigInt'])
const ROW_LOCAL_ARGS = new Set(['where', 'select', 'omit', 'orderBy'])

/** The plan, or why the database has to be asked again instead. */
export function planIncremental(context: EdgeContext, asked: Asked): { plan: IncrementalPlan } | { reasons: string[] } {
  const { data } = context
  const { model, operation } = asked
  const args: Args = isArgs(asked.validated) ? asked.validated : {}
  if (operation !== 'findMany' && operation !== 'findUnique') return { reasons: [`operation: ${operation}`] }
  const windowed = Object.keys(args).filter((name) => args[name] !== undefined && !ROW_LOCAL_ARGS.has(name))
  if (windowed.length > 0) return { reasons: windowed.map((name) => `args: ${name}`) }
  if (model.computedFields.length > 0) return { reasons: ['model: computed fields'] }
  const fields = shownFields(model, args, asked.clientOptions)
  if (fields === undefined) return { reasons: ['select: relations'] }
  const rows = compileRowPlan(data, { model: model.name, where: args['where'], isPolicyOn: asked.isPolicyOn })
  const sort = operation === 'findMany' ? compileSort(data, model.name, args['orderBy']) : undefined
  const reasons = [...rows.reasons]
  if (rows.readsNow) reasons.push('policy: now()')
  if (sort === 'ask-database') return { reasons: [...reasons, 'orderBy: an order that only the database knows'] }
  if (!asked.isKeyShown) reasons.push('select: the id is not shown')
  // An order by a field that is not shown would show it.
  for (const name of sort?.fields ?? []) if (!fields.has(name)) reasons.push(`orderBy: "${name}" is not shown`)
  const read = new Set([...rows.fields, ...(sort?.fields ?? []), ...fields])
  for (const name of read) if (context.isWithheld(model.name, name)) reasons.push(`"${name}" is not in the log`)
  for (const set of rows.keySets) {
    for (const name of [...set.selectFields, ...set.model.fields.keys()])
      if (context.isWithheld(set.model.name, name)) reasons.push(`"${set.model.name}.${name}" is not in the log`)
  }
  const exactTimes = [...(sort?.fields ?? [])].filter((name) => isFinerThanRecords(model.fields.get(name)))
  if (exactTimes.length > 0) reasons.push(...unfoundByKey(model))
  if (reasons.length > 0) return { reasons: [...new Set(reasons)] }
  const { isPolicyOn } = asked
  const of = (decision: InterestContext) => ({ model: model.name, where: args['where'], isPolicyOn, context: decision })
  const interestOf = (decision: InterestContext): Interest => interestOfQuery(data, of(decision))
  const reachOf = (decision: InterestContext): Reach => reachOfQuery(data, of(decision))
  const { masksFields, checksLeaves } = context.guards
  return { plan: { rows: masksFields ? rows : unmasked(rows), sort, fields, exactTimes, checksLeaves, interestOf, reachOf } }
}

/** The same plan, but for what it hides. For tests only. */
export function unmasked(rows: RowPlan): RowPlan {
  return new Proxy(rows, { get: (plan, name) => (name === 'mask' ? (row: unknown) => row : boundMember(plan, name)) })
}

function boundMember(plan: RowPlan, name: string | symbol): unknown {
  const member: unknown = Reflect.get(plan, name)
  return typeof member === 'function' ? (member.bind(plan) as unknown) : member
}

const tablesOfPlans = new WeakMap<IncrementalPlan, ReadonlySet<string>>()

/** Tables an incremental query looks at: its own, and those of its key sets. One set for all queries of a plan. */
export function incrementalTables(plan: IncrementalPlan): ReadonlySet<string> {
  const known = tablesOfPlans.get(plan)
  if (known !== undefined) return known
  const tables = new Set([tableKey(plan.rows.model.table), ...plan.rows.keySets.map((set) => tableKey(set.model.table))])
  tablesOfPlans.set(plan, tables)
  return tables
}

/** The scalar fields of the result; `undefined` when it holds more than those. */
export function shownFields(model: Model, args: Args, clientOptions: object): ReadonlySet<string> | undefined {
  const { select, omit } = args
  if (isArgs(select)) {
    const chosen = Object.keys(select).filter((name) => select[name] !== false && select[name] !== undefined)
    return chosen.every((name) => select[name] === true && model.fields.has(name)) ? new Set(chosen) : undefined
  }
  return new Set([...model.fields.keys()].filter((name) => !isOmitted(model, name, { omit, clientOptions })))
}

/** Microseconds are asked for by key, and found again by its text: that of other keys is not what the database gives and takes. */
function unfoundByKey(model: Model): string[] {
  if (model.idFields.length > 1) return ['orderBy: microseconds, with a composite key']
  const types = model.idFields.map((name) => model.fields.get(name)?.type ?? 'unknown')
  return types.filter((type) => !PLAIN_KEYS.has(type)).map((type) => `orderBy: microseconds, with a key of type ${type}`)
}

/** Records hold milliseconds; such a column may hold more. */
function isFinerThanRecords(field: Field | undefined): boolean {
  return field?.type === 'DateTime' && field.columnType !== 'date' && (field.typmod < 0 || field.typmod > 3)
}

function isArgs(value: unknown): value is Args {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
