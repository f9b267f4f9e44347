import { clientFacts, readDependencies, validateArgs, type ReadDependencies } from '@zenstack-live/access'
import { tableKey, type Model, type Refusal } from '@zenstack-live/model'
import { LiveError, queryId, queryText, type QueryId, type ResultShape, type WireQuery } from '@zenstack-live/protocol'
import { deserialize } from '@zenstackhq/client-helpers/fetch'
import type { Question } from '../database/asker.ts'
import { completeArgs } from './complete-args.ts'
import type { EdgeContext } from '../edge-context.ts'
import type { Identity } from '../identity/identity.ts'
import { planIncremental, type IncrementalPlan } from './incremental/incremental-plan.ts'
import { ownRowsOf, type OwnRows } from './own-rows.ts'
import { operationNamed } from '../requests/parse-live-request.ts'
import { timedRowsOf, type TimedRows } from './requery/timed-rows.ts'
import { shapeOf } from './snapshot-frames.ts'
import { checkQueryBytes } from '../requests/check-query-bytes.ts'

/** A query that was understood: what to ask, what it depends on, and how its rows are named. */
export interface PlannedQuery {
  readonly q: QueryId
  readonly text: string
  readonly model: Model
  readonly shape: ResultShape
  readonly question: Question
  /** Tables whose changes concern it. */
  readonly tables: ReadonlySet<string>
  /** Which rows of its own table do, where not every one may. */
  readonly ownRows: OwnRows | undefined
  /** `now()` decides: time alone may change the result. */
  readonly readsNow: boolean
  /** By the times of which rows; `undefined` where that is not known. */
  readonly timedRows: readonly TimedRows[] | undefined
  /** Fields asked for only to make the key. */
  readonly hiddenFields: ReadonlySet<string>
  /** The key goes out as a keyed hash: the reader does not see the id. */
  readonly isKeyHidden: boolean
  /** The policies let everybody read the id, so that rows can be told apart by it. */
  readonly isKeyReadable: boolean
  /** How memory decides it; otherwise the database is asked again, for these reasons. */
  readonly incremental: IncrementalPlan | undefined
  readonly reasons: readonly string[]
}

const MAX_PLANS_PER_CLIENT = 10_000
/** Of their queries' texts, which may be long: a stranger's may all differ. Plans of some times as much. */
const MAX_PLANNED_CHARS = 8 * 1024 * 1024

interface Plans {
  readonly byText: Map<string, PlannedQuery>
  /** Of all texts. */
  chars: number
}

const plans = new WeakMap<object, Plans>()

/**
 * Plans are shared by all identities of equally set-up clients: they know the policies, not whom they judge.
 *
 * @throws {LiveError} `bad_json`, `unknown_model`, `unknown_operation`, `bad_arguments`, `too_large`, `not_live` or `table_refused`
 */
export function planQuery(context: EdgeContext, identity: Identity, wire: WireQuery): PlannedQuery {
  const text = queryText(wire)
  checkQueryBytes(text, context.limits)
  const known = plans.get(identity.client.$options) ?? { byText: new Map<string, PlannedQuery>(), chars: 0 }
  plans.set(identity.client.$options, known)
  const planned = known.byText.get(text) ?? keep(known, makePlan(context, identity, wire, text))
  checkRowSecurity(context, identity, planned)
  return planned
}

function keep(known: Plans, planned: PlannedQuery): PlannedQuery {
  const { byText } = known
  known.chars += planned.text.length
  if (byText.size >= MAX_PLANS_PER_CLIENT || known.chars > MAX_PLANNED_CHARS) {
    byText.clear()
    known.chars = planned.text.length
  }
  byText.set(planned.text, planned)
  return planned
}

function makePlan(context: EdgeContext, identity: Identity, wire: WireQuery, text: string): PlannedQuery {
  const { data, limits } = context
  const { client } = identity
  const operation = operationNamed(wire.operation)
  const args = decodeArgs(wire)
  const validated = validateArgs(client, wire.model, operation, args, limits)
  if (operation === 'aggregate' && !asksForValues(validated)) throw new LiveError('bad_arguments', `${wire.model}.aggregate asks for nothing.`)
  const model = data.models.get(wire.model)
  if (model === undefined) throw new LiveError('unknown_model', `The database has no model "${wire.model.slice(0, 100)}".`)
  const facts = clientFacts(client.$options, { readNeutralPlugins: context.readNeutralPlugins })
  const isPolicyOn = facts.hasPolicyPlugin
  const dependencies = readDependencies(data, { model: wire.model, operation, args: validated, isPolicyOn })
  checkTables(context, dependencies)
  const isKeyReadable = !isPolicyOn || model.idFields.every((name) => !hasFieldPolicy(context, model.name, name))
  const { args: asked, hiddenFields } = completeArgs(data, {
    model,
    operation,
    args,
    clientOptions: client.$options,
    maxRows: limits.maxSnapshotRows,
    isKeyReadable,
  })
  const choice = facts.isIncrementalAllowed
    ? planIncremental(context, {
        model,
        operation,
        validated,
        isPolicyOn,
        isKeyShown: hiddenFields.size === 0 && isKeyReadable,
        clientOptions: client.$options,
      })
    : { reasons: facts.reasons.map((reason) => `client: ${reason}`) }
  return {
    q: queryId(wire),
    text,
    model,
    shape: shapeOf(operation),
    question: { model: wire.model, operation, args: asked, ...('plan' in choice ? exactTimesOf(model, choice.plan) : {}) },
    // Where something cannot be looked into, everything is of concern.
    tables: dependencies.unknown.length === 0 ? dependencies.tables : allTables(context),
    ownRows: ownRowsOf(context, { model, validated, dependencies, isPolicyOn, isPlain: facts.isIncrementalAllowed }),
    readsNow: dependencies.readsNow,
    timedRows: timedRowsOf(data, { model, validated, dependencies, isPlain: facts.isIncrementalAllowed }),
    hiddenFields,
    isKeyHidden: hiddenFields.size > 0 && context.guards.hidesKeys,
    isKeyReadable,
    incremental: 'plan' in choice ? choice.plan : undefined,
    reasons: 'plan' in choice ? [] : choice.reasons,
  }
}

/** ZenStack takes an `aggregate` of nothing, and fails on the answer: each time, as if something were wrong with the database. */
function asksForValues(args: unknown): boolean {
  return Object.entries(Object(args) as object).some(
    ([name, value]: [string, unknown]) => name.startsWith('_') && (value === true || Object.values(Object(value) as object).includes(true)),
  )
}

function exactTimesOf(model: Model, plan: IncrementalPlan): Pick<Question, 'exactTimes' | 'keyField'> {
  const [keyField] = model.idFields
  return plan.exactTimes.length === 0 || keyField === undefined ? {} : { exactTimes: plan.exactTimes, keyField }
}

export function decodeArgs(wire: WireQuery): unknown {
  if (wire.args === undefined || wire.args === null) return undefined
  try {
    return deserialize(wire.args, wire.meta)
  } catch (cause) {
    throw new LiveError('bad_json', `The arguments of ${wire.model}.${wire.operation} cannot be deserialized: ${String(cause)}`, { cause })
  }
}

/** Every table an answer is made of has to be one whose changes are seen. */
export function checkTables(context: EdgeContext, dependencies: ReadDependencies): void {
  const { data } = context
  const refuse = (name: string, { message, cure }: Refusal): never => {
    context.onRefusedTable()
    throw new LiveError('table_refused', `${name} cannot be live: ${message} ${cure}`)
  }
  for (const name of dependencies.models) {
    const refusal = data.models.get(name)?.refusal
    if (refusal !== undefined) refuse(name, refusal)
  }
  for (const table of data.joinTables) {
    if (dependencies.tables.has(tableKey(table.table)) && table.refusal !== undefined) refuse(tableKey(table.table), table.refusal)
  }
}

/** Native row-level security shows each database user its own rows: the edge's answer would not be the client's. */
export function checkRowSecurity({ data }: EdgeContext, identity: Identity, planned: Pick<PlannedQuery, 'tables'>): void {
  if (identity.isSameUser) return
  for (const model of data.models.values()) {
    if (!model.hasRowSecurity || !planned.tables.has(tableKey(model.table))) continue
    throw new LiveError(
      'table_refused',
      `${model.name} has native row-level security, and getClient's client is another database user than the edge.`,
    )
  }
}

function hasFieldPolicy({ data }: EdgeContext, model: string, field: string): boolean {
  return data.schema.models[model]?.fields[field]?.attributes?.some(({ name }) => name === '@allow' || name === '@deny') === true
}

function allTables({ data }: EdgeContext): ReadonlySet<string> {
  return new Set([...[...data.models.values()].map((model) => tableKey(model.table)), ...data.joinTables.map((join) => tableKey(join.table))])
}
