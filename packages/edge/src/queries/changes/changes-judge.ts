import { isSameValue, looksSame, type DecisionContext } from '@zenstack-live/access'
import { presentRow, tableKey, type Model, type StoredRow, type StoredValue } from '@zenstack-live/model'
import type { RowChange } from '@zenstack-live/protocol'
import type { ChangeFilter, ChangesPlan } from './changes-plan.ts'
import { storedOfRecord } from '../stored-record.ts'
import type { RowEffect, Transaction } from '../../log/transaction.ts'

/*
 * What a change of a row is to one reader.
 *
 *   after   is shown as this reader may read it in the state after the change, or not at all.
 *   before  is shown only where the reader could read it then and may read the same fields still: a change never shows what is kept
 *           from the reader now. Where that cannot be found out, it is `null`, and counts as not matching.
 *   deleted carries the key alone: nobody can read the row any more.
 */

/** A row of which the reader knows nothing, or nothing that may be told. */
type Seen = StoredRow | null

/** What the database said of a row that memory cannot judge. */
export interface AskedRow {
  /** As the reader's own client returned it. Who may read this, may read the row as the change left it. */
  readonly record: Readonly<Record<string, unknown>>
  /** Whoever may read it now could read it before the change as well. */
  readonly isBeforeKnown: boolean
}

/** Who looks, and at what. */
export interface Moment {
  readonly context: DecisionContext
  /** Judges the state before the change, at the time until which it stood. `undefined`: nobody can say who could read it. */
  readonly contextBefore: DecisionContext | undefined
  /** When it happened. */
  readonly date: string
}

/** @returns `ask-database` when memory cannot tell, nothing when there is nothing to tell */
export function judgeChange(plan: ChangesPlan, effect: RowEffect, moment: Moment): RowChange | 'ask-database' | undefined {
  const { before, after } = effect
  const { context, contextBefore, date } = moment
  const { policy } = plan
  if (after === null) return contextBefore === undefined || before === null ? undefined : deletion(plan, before, contextBefore, date)
  if ((before === null ? plan.created : plan.updated) === undefined) return undefined
  const isReadable = policy.decide(after, context)
  if (isReadable !== true) return isReadable === false ? undefined : 'ask-database'
  const is = policy.mask(after, context)
  const visible = policy.visibleFields(after, context)
  if (is === 'ask-database' || visible === 'ask-database') return 'ask-database'
  // A text may look like what stands for one that is not told.
  for (const name of plan.fields) if (is[name] === undefined) return 'ask-database'
  const couldRead = before !== null && contextBefore !== undefined && policy.decide(before, contextBefore) === true
  const was = couldRead ? policy.mask(before, contextBefore) : null
  // Nothing is known of the state before it: then only what differs in fields that show counts as a change.
  const had = contextBefore !== undefined || before === null ? was : masked(before, visible)
  if (was === 'ask-database' || had === 'ask-database') return 'ask-database'
  return change(plan, { was, had, is, isNew: before === null, visible, date })
}

/** The same for a row that the database was asked about. */
export function judgeAsked(
  plan: ChangesPlan,
  { before, after }: RowEffect,
  { record, isBeforeKnown }: AskedRow,
  date: string,
): RowChange | undefined {
  if (after === null) return undefined
  const { guardedFields } = plan.policy
  const is: Record<string, StoredValue> = { ...after, ...storedOfRecord(plan.model, record, missingFields(plan.model, after)) }
  for (const name of guardedFields) if (isKeptBack(record[name])) is[name] = null
  const names = [...plan.model.fields.keys()]
  const visible = new Set(names.filter((name) => !guardedFields.has(name)))
  const was = before === null || !isBeforeKnown ? null : masked(before, visible)
  // Of a guarded field that shows now, whether it did before is not known: it has changed where its value has.
  const shown = new Set(names.filter((name) => visible.has(name) || !isKeptBack(record[name])))
  const had = before === null ? null : masked(before, shown)
  return change(plan, { was, had, is, isNew: before === null, visible, date })
}

/** A list of which nothing may be read is an empty one in the record. */
function isKeptBack(value: unknown): boolean {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0)
}

/** Whether memory can rule out that there is anything to tell, without knowing who may read the row. */
export function isWorthAsking(plan: ChangesPlan, { before, after }: RowEffect, context: DecisionContext): boolean {
  if (after === null) return false
  const filter = before === null ? plan.created : plan.updated?.after
  if (filter === undefined) return before !== null && plan.updated !== undefined
  const isMasked = [...filter.plain.fields].some((name) => plan.policy.guardedFields.has(name))
  return isMasked || filter.plain.decide(after, context) !== false
}

/**
 * Whether who may read the row as it is now could read this earlier state of it: nothing that decides about that has changed in
 * between, as far as the change stream tells.
 */
export function isReadAlike(plan: ChangesPlan, key: string, earlier: StoredRow, now: StoredRow, between: readonly Transaction[]): boolean {
  if (plan.decidingFields === undefined) return false
  const own = tableKey(plan.model.table)
  const touchesOthers = between.some(
    (one) =>
      [...one.tables].some((table) => table !== own && plan.dependencies.has(table)) ||
      one.effects.some((effect) => effect.model === plan.model && effect.key !== key),
  )
  return !touchesOthers && [...plan.decidingFields].every((name) => isKnownAlike(earlier[name], now[name]))
}

/** What is not in the log may have been anything. */
function isKnownAlike(a: StoredValue | undefined, b: StoredValue | undefined): boolean {
  return a !== undefined && b !== undefined && isSameValue(a, b)
}

function deletion(plan: ChangesPlan, before: StoredRow, context: DecisionContext, date: string): RowChange | undefined {
  if (plan.deleted === undefined) return undefined
  if (!plan.hidesDeleted) return { type: 'deleted', date, deleted: presentRow(plan.model, before, plan.fields) }
  if (plan.deleted.readable.decide(before, context) !== true) return undefined
  const was = plan.policy.mask(before, context)
  if (was === 'ask-database') return undefined
  const key = new Set(plan.model.idFields.filter((name) => plan.fields.has(name)))
  return { type: 'deleted', date, deleted: presentRow(plan.model, was, key) }
}

interface Sides {
  /** What the reader could read before. */
  was: Seen
  /** What it is compared with, to see whether anything that shows has changed. */
  had: Seen
  is: StoredRow
  isNew: boolean
  /** Fields that the reader may read now. */
  visible: ReadonlySet<string>
  date: string
}

function change(plan: ChangesPlan, { was, had, is, isNew, visible, date }: Sides): RowChange | undefined {
  const { model, fields, created, updated } = plan
  if (isNew) return matches(created, is) ? { type: 'created', date, created: presentRow(model, is, fields) } : undefined
  if (updated === undefined || !isTransition(updated, was, is)) return undefined
  // A change only in fields that the reader does not see is none.
  if (had !== null && isAlike(plan, had, is)) return undefined
  const before = was === null ? null : presentRow(model, masked(was, visible), fields)
  return { type: 'updated', date, updated: { before, after: presentRow(model, is, fields) } }
}

/** To a condition NULL is not an empty list, as which it is shown. */
function isAlike({ model, fields, conditionFields }: ChangesPlan, had: StoredRow, is: StoredRow): boolean {
  for (const field of model.fields.values()) {
    if (fields.has(field.name) && !looksSame(field, had[field.name] ?? null, is[field.name] ?? null)) return false
  }
  return [...conditionFields].every((name) => isSameValue(had[name] ?? null, is[name] ?? null))
}

/** `after` alone: it matches now and did not before. `before` alone: it matched and does no longer. Both: both. Neither: every update. */
function isTransition({ before, after }: NonNullable<ChangesPlan['updated']>, was: Seen, is: StoredRow): boolean {
  if (before === undefined) return after === undefined || (matches(after, is) && !matches(after, was))
  return matches(before, was) && (after === undefined ? !matches(before, is) : matches(after, is))
}

/** Rows are masked already: a field that may not be read is NULL to the condition as well. */
function matches(filter: ChangeFilter | undefined, row: Seen): boolean {
  return filter !== undefined && row !== null && filter.plain.decide(row, NOBODY) === true
}

/** Conditions without policies look neither at the reader nor at the time. */
const NOBODY: DecisionContext = { auth: null, now: 0 }

function masked(row: StoredRow, visible: ReadonlySet<string>): StoredRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, visible.has(name) ? value : null])) as StoredRow
}

function missingFields(model: Model, row: StoredRow): string[] {
  return [...model.fields.keys()].filter((name) => row[name] === undefined)
}
