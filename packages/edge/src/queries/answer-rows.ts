import { rowKeyOfRecord, type DataModel, type Model } from '@zenstack-live/model'
import { LiveError, type Limits, type RowKey, type SnapshotRow } from '@zenstack-live/protocol'
import type { EdgeContext } from '../edge-context.ts'
import type { Keys } from '../keys.ts'
import type { PlannedQuery } from './plan-query.ts'
import type { Result } from './snapshot-frames.ts'
import { storedOfRecord, type ExactTimes } from './stored-record.ts'

/**
 * What the database answered, as it goes over the wire: each row with its key, without the fields that were only asked for
 * to make the key.
 *
 * @throws {LiveError} `row_limit` when there are more rows, groups, rows of one list inside a row, or rows of all such lists, than the limits.
 */
export function rowsOfAnswer(
  context: EdgeContext,
  planned: PlannedQuery,
  answer: unknown,
  options: { exactTimes?: ReadonlyMap<string, ExactTimes> | undefined } = {},
): Result {
  const { limits, data } = context
  if (planned.shape === 'value') {
    if (Array.isArray(answer)) checkCount(planned, 'groups', answer.length, limits, 'maxSnapshotRows')
    return { shape: 'value', value: withPlainBytes(answer) }
  }
  const records = (Array.isArray(answer) ? answer : answer === null || answer === undefined ? [] : [answer]) as Record<string, unknown>[]
  checkCount(planned, 'rows', records.length, limits, 'maxSnapshotRows')
  let relatedRows = 0
  for (const record of records) {
    relatedRows += countLists(data, planned, planned.model, record, limits)
    checkCount(planned, 'rows of lists inside its rows', relatedRows, limits, 'maxRelatedRows')
  }
  const taken = new Map<RowKey, number>()
  const rows = records.map((record): SnapshotRow => {
    const key = uniqueKey(keyOfRecord(context.keys, planned, record), taken)
    const row = withoutFields(record, planned.hiddenFields)
    const sort = sortOfRecord(planned, record, options.exactTimes)
    return sort === undefined ? { key, row } : { key, row, sort }
  })
  return { shape: planned.shape, rows, relatedRows }
}

function checkCount({ question }: PlannedQuery, what: string, count: number, limits: Limits, limit: 'maxSnapshotRows' | 'maxRelatedRows'): void {
  if (count <= limits[limit]) return
  throw new LiveError(
    'row_limit',
    `${question.model}.${question.operation} has more than ${limits[limit]} ${what}. Narrow \`where\`, add \`take\`, or raise ${limit}.`,
  )
}

/** Related rows count too: a list of them is asked for up to one beyond the limit. @returns how many there are in all lists */
function countLists(data: DataModel, planned: PlannedQuery, model: Model, record: Readonly<Record<string, unknown>>, limits: Limits): number {
  let count = 0
  for (const { name, model: relatedName } of model.relations.values()) {
    const value = record[name]
    const related = data.models.get(relatedName)
    if (typeof value !== 'object' || value === null || related === undefined) continue
    if (Array.isArray(value)) {
      checkCount(planned, `rows of "${name}"`, value.length, limits, 'maxSnapshotRows')
      count += value.length
    }
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value])
      count += countLists(data, planned, related, each as Readonly<Record<string, unknown>>, limits)
  }
  return count
}

/** ZenStack leaves bytes in aggregates as the driver gave them; readers know no `Buffer`. */
function withPlainBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.isBuffer(value) ? new Uint8Array(value) : value
  if (Array.isArray(value)) return value.map(withPlainBytes)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]: [string, unknown]) => [name, withPlainBytes(member)]))
}

/** Where a row stands among those of an incremental query. */
function sortOfRecord(
  planned: PlannedQuery,
  record: Record<string, unknown>,
  exactTimes: ReadonlyMap<string, ExactTimes> | undefined,
): string | undefined {
  const sort = planned.incremental?.sort
  if (sort === undefined) return undefined
  const exact = exactTimes?.get(rowKeyOfRecord(planned.model, record) ?? '')
  const text = sort.sortKey(storedOfRecord(planned.model, record, sort.fields, exact))
  if (text === undefined) throw new LiveError('internal', `A row of ${planned.model.name} has no place in the order of its query.`)
  return text
}

/** The key on the wire: a keyed hash where the reader does not see the id itself. */
export function wireKey(keys: Keys, planned: PlannedQuery, key: string): RowKey {
  return planned.isKeyHidden ? keys.sign('row', `${planned.q} ${key}`) : key
}

function keyOfRecord(keys: Keys, planned: PlannedQuery, record: Record<string, unknown>): RowKey {
  const key = planned.isKeyReadable ? rowKeyOfRecord(planned.model, record) : undefined
  if (key !== undefined) return wireKey(keys, planned, key)
  // The policy hides the id: the row is known by its content alone.
  return keys.sign('row', `${planned.q} ${contentText(record)}`)
}

/** Rows of the same content are told apart by their number. */
function uniqueKey(key: RowKey, taken: Map<RowKey, number>): RowKey {
  const count = taken.get(key) ?? 0
  taken.set(key, count + 1)
  return count === 0 ? key : `${key}#${count}`
}

function withoutFields(record: Record<string, unknown>, fields: ReadonlySet<string>): Record<string, unknown> {
  if (fields.size === 0) return record
  return Object.fromEntries(Object.entries(record).filter(([name]) => !fields.has(name)))
}

function contentText(record: Record<string, unknown>): string {
  return JSON.stringify(record, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}
