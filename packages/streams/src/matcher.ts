import { validateArgs, type DecisionContext } from '@zenstack-live/access'
import { rowKey, tableKey, type DataModel, type Model, type StoredRow } from '@zenstack-live/model'
import { LiveError, type RawRow } from '@zenstack-live/protocol'
import { compileFilter, type RowFilter } from './filter/compile-filter.ts'
import type { RowExists, StreamClient } from './filter/stream-client.ts'
import type { ChangeRows, SharedChange } from './page/shared-change.ts'
import { showRow } from './page/show-row.ts'
import type { EventKind, StreamEvent } from './stream-event.ts'
import type { EventFilters } from './stream-options.ts'

/** A change that a stream gets. */
export interface Match {
  model: string
  kind: EventKind
  /** Of the row, after the change where it still is. */
  key: string
  toEvent(): StreamEvent<unknown>
}

export interface Matcher {
  /** `schema.table`. */
  table: string
  /** Whether the stream asks for deletions, and so has to know of a TRUNCATE. */
  asksDeleted: boolean
  /** The key that decides the partition, before any filter is asked. */
  keyOf(change: SharedChange): string | undefined
  match(change: SharedChange, context: DecisionContext): Match | undefined | Promise<Match | undefined>
  /** The event of a change that matched once: filters are not asked again. */
  revive(change: SharedChange): Match | undefined
}

export interface MatcherScope {
  data: DataModel
  client: StreamClient
  exists: RowExists
}

const KIND_OF: Readonly<Record<string, EventKind>> = { c: 'created', u: 'updated', d: 'deleted' }

/**
 * @throws {LiveError} `unknown_model`, `bad_arguments` for filters that do not fit, `table_refused` for tables that cannot be followed,
 *   `not_live` for models whose rows span several tables
 */
export function createMatcher({ data, client, exists }: MatcherScope, modelName: string, filters: EventFilters<unknown>): Matcher {
  const model = requireModel(data, modelName)
  const scope = { data, model, exists }
  const filterOf = (where: unknown): RowFilter => compileFilter(scope, validate(client, modelName, where))
  const { created, updated, deleted } = filters
  const tests = {
    created: created === undefined ? undefined : filterOf(created),
    updated: updated === undefined ? undefined : updateTest(updated, filterOf),
    deleted: deleted === undefined ? undefined : filterOf(deleted),
  }
  const rowsOf = (change: SharedChange): ChangeRows => change.rows(model)

  return {
    table: tableKey(model.table),
    asksDeleted: deleted !== undefined,
    keyOf(change) {
      const { before, after } = rowsOf(change)
      const row = after ?? before
      return row === null ? undefined : rowKey(model, row)
    },
    match(change, context) {
      const kind = KIND_OF[change.op]
      if (kind === undefined || tests[kind] === undefined) return undefined
      const { before, after } = rowsOf(change)
      const verdict = decide(tests, kind, before, after, context)
      if (typeof verdict === 'boolean') return verdict ? createMatch(model, kind, change) : undefined
      return verdict.then((isMatch) => (isMatch ? createMatch(model, kind, change) : undefined))
    },
    revive(change) {
      const kind = KIND_OF[change.op]
      return kind === undefined ? undefined : createMatch(model, kind, change)
    },
  }
}

type UpdateTest = (before: StoredRow, after: StoredRow, context: DecisionContext) => boolean | Promise<boolean>

interface Tests {
  created: RowFilter | undefined
  updated: UpdateTest | undefined
  deleted: RowFilter | undefined
}

function decide(
  tests: Tests,
  kind: EventKind,
  before: StoredRow | null,
  after: StoredRow | null,
  context: DecisionContext,
): boolean | Promise<boolean> {
  if (kind === 'created') return after !== null && (tests.created?.matches(after, context) ?? false)
  if (kind === 'deleted') return before !== null && (tests.deleted?.matches(before, context) ?? false)
  return before !== null && after !== null && (tests.updated?.(before, after, context) ?? false)
}

function updateTest(
  { before: beforeWhere, after: afterWhere }: NonNullable<EventFilters<unknown>['updated']>,
  filterOf: (where: unknown) => RowFilter,
): UpdateTest {
  const was = beforeWhere === undefined ? undefined : filterOf(beforeWhere)
  const is = afterWhere === undefined ? undefined : filterOf(afterWhere)
  if (was !== undefined && is !== undefined) return (before, after, context) => both(was.matches(before, context), () => is.matches(after, context))
  if (is !== undefined) return (before, after, context) => both(is.matches(after, context), () => negate(is.matches(before, context)))
  if (was !== undefined) return (before, after, context) => both(was.matches(before, context), () => negate(was.matches(after, context)))
  return () => true
}

function both(first: boolean | Promise<boolean>, second: () => boolean | Promise<boolean>): boolean | Promise<boolean> {
  if (typeof first === 'boolean') return first && second()
  return first.then((isTrue) => isTrue && second())
}

function negate(value: boolean | Promise<boolean>): boolean | Promise<boolean> {
  return typeof value === 'boolean' ? !value : value.then((isTrue) => !isTrue)
}

function createMatch(model: Model, kind: EventKind, change: SharedChange): Match {
  const { before: was, after: is } = change.rows(model)
  const key = rowKey(model, is ?? was ?? {})
  return {
    model: model.name,
    kind,
    key,
    toEvent() {
      const { entry } = change
      // Each stream has objects of its own: handlers may change them.
      const { before, after } = change.images()
      const show = (row: RawRow | null): unknown => (row === null ? null : showRow(model, row))
      const [name, date, transactionId, position] = [model.name, new Date(change.committedAtMs), entry.xid, entry.id]
      switch (kind) {
        case 'created':
          return { type: kind, model: name, date, transactionId, position, key, created: show(after) }
        case 'updated':
          return { type: kind, model: name, date, transactionId, position, key, updated: { before: show(before), after: show(after) } }
        default:
          return { type: kind, model: name, date, transactionId, position, key, deleted: show(before) }
      }
    },
  }
}

function requireModel(data: DataModel, name: string): Model {
  const model = data.models.get(name)
  if (model === undefined) throw new LiveError('unknown_model', `There is no model "${name}" to stream.${suggestion(data, name)}`)
  if (model.refusal !== undefined)
    throw new LiveError('table_refused', `"${name}" cannot be streamed: ${model.refusal.message} ${model.refusal.cure}`)
  if (model.base !== undefined) {
    throw new LiveError(
      'not_live',
      `"${name}" cannot be streamed: its rows span its own table and that of "${model.base}". Stream "${model.base}" and look at its discriminator.`,
    )
  }
  return model
}

function suggestion({ models }: DataModel, name: string): string {
  const meant = [...models.keys()].find((known) => known.toLowerCase() === name.toLowerCase())
  return meant === undefined ? '' : ` Did you mean "${meant}"?`
}

function validate(client: StreamClient, model: string, where: unknown): unknown {
  const args = validateArgs(client, model, 'findMany', { where })
  return typeof args === 'object' && args !== null && 'where' in args ? args.where : undefined
}
