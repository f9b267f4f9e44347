import type { RowChange } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import type { AskedQuery } from './client-network.ts'
import { afterOf } from './frame-rows.ts'
import { keyOf, type ReadableHistory, type State, type Version } from './readable-history.ts'
import { rowsIn, type SeenRow } from './rows-in.ts'

/** By what the changes of one frame are judged. */
export interface ChangeLeaksOptions {
  readonly schema: SchemaDef
  readonly query: AskedQuery
  /** The state of the frame. */
  readonly at: State
  /** Whoever may read it. */
  readonly all: ReadableHistory
  /** What the reader could read. */
  readonly history: ReadableHistory
  /** Since when this row's change had not been told, as far as its key is; `undefined` where rows come and go by time alone. */
  readonly untoldSince: ((key: string | undefined) => State) | undefined
}

/** What changes tell beside what their rows were and are: that is held against the history by itself. In words. */
export function changeLeaks(changes: readonly RowChange[], options: ChangeLeaksOptions): string[] {
  return changes.flatMap((change) => [
    ...keptBackNow(change, options),
    ...beyondTheKey(change, options),
    ...unseen(change, options),
    ...unasked(change, options),
  ])
}

/**
 * A change only in what the reader cannot see is none. A row is its key, also where that is kept back: when the key changes, one row goes and
 * another comes.
 */
function unseen(change: RowChange, { schema, query: { model }, at, all, history, untoldSince }: ChangeLeaksOptions): string[] {
  const after = fieldsOf(schema, model, afterOf(change))
  if (after === undefined || untoldSince === undefined) return []
  const rows = history.versionsAt(model, at).filter((row) => holdsAll(row, after))
  // A replay takes a row's changes together, and tells them at the last one.
  const since = untoldSince(keyOf(after))
  const leaks: string[] = []
  const isKnown = rows.length > 0 && rows.every(({ from }) => from <= since)
  if (isKnown && !becameSince(since, { model, at, all, after })) leaks.push(`a change of what is as it was in state ${since},`)
  const before = change.type === 'updated' ? fieldsOf(schema, model, change.updated.before) : undefined
  const isAlike = before !== undefined && before.size === after.size && holdsAll({ fields: after }, before)
  // What is kept back since shows nowhere, and has changed for the reader: perhaps before the last change of the row, at which a replay tells it.
  if (isAlike && isKnown) leaks.push('a change from what is the same')
  return leaks
}

/** Whether it may be a row whose key was not there all the time, or was another row's. */
function becameSince(
  since: State,
  { model, at, all, after }: Pick<ChangeLeaksOptions, 'at' | 'all'> & { model: string; after: SeenRow['fields'] },
): boolean {
  const states = Array.from({ length: Math.max(0, at - since) }, (_, index) => since + index)
  const wasAnother = (key: string, state: State): boolean => {
    const version = all.versionAt(model, key, state)
    return version === undefined || !holdsAll(version, after)
  }
  return all
    .versionsAt(model, at)
    .filter((row) => holdsAll(row, after))
    .some(({ key }) => key !== undefined && states.some((state) => wasAnother(key, state)))
}

/** What is asked of a row is asked of what the reader may read of it: a condition does not tell what is kept back. */
function unasked(change: RowChange, { query: { args } }: ChangeLeaksOptions): string[] {
  if (Object.keys(args).length === 0) return []
  const asked: unknown = args[change.type]
  if (asked === undefined) return [`what was ${change.type}, which nobody asked for,`]
  const where: unknown = change.type === 'updated' ? Reflect.get(Object(asked) as object, 'after') : asked
  const shown = Object(afterOf(change)) as Readonly<Record<string, unknown>>
  return Object.entries(Object(where) as object).flatMap(([name, condition]) =>
    isMet(condition, shown[name]) ? [] : [`a change by ${name}, which does not show what was asked of it,`],
  )
}

function isMet(condition: object, value: unknown): boolean {
  const { startsWith, ...others } = condition as Readonly<Record<string, unknown>>
  if (Object.keys(others).length > 0) throw new TypeError(`Nobody knows here what ${JSON.stringify(others)} is met by.`)
  return typeof value === 'string' && value.startsWith(String(startsWith))
}

/** What a row was is told only as far as the reader may read it still. */
function keptBackNow(change: RowChange, { schema, query: { model }, at, all }: ChangeLeaksOptions): string[] {
  if (change.type !== 'updated') return []
  const [before, after] = [change.updated.before, change.updated.after].map((record) => fieldsOf(schema, model, record))
  // Of a row whose id is kept back, all that it may be.
  const rows = all.versionsAt(model, at).filter((row) => holdsAll(row, after))
  const isKeptBack = (name: string): boolean => after?.has(name) !== true && rows.length > 0 && rows.every(({ fields }) => fields.has(name))
  return [...(before?.keys() ?? [])].filter(isKeptBack).map((name) => `${name} of before, which is kept back in state ${at},`)
}

/** Of a row that is gone nothing is told but which it was. */
function beyondTheKey(change: RowChange, { schema, query: { model } }: ChangeLeaksOptions): string[] {
  if (change.type !== 'deleted') return []
  const idFields = schema.models[model]?.idFields ?? []
  const others = Object.keys(Object(change.deleted) as object).filter((name) => !idFields.includes(name))
  return others.map((name) => `${name} of a deleted row`)
}

/** Of the row itself: changes show no others. */
function fieldsOf(schema: SchemaDef, model: string, record: unknown): SeenRow['fields'] | undefined {
  return record === null || record === undefined ? undefined : rowsIn(schema, model, record)[0]?.fields
}

function holdsAll({ fields }: Pick<Version, 'fields'>, shown: SeenRow['fields'] | undefined): boolean {
  return [...(shown ?? [])].every(([name, text]) => fields.get(name) === text)
}
