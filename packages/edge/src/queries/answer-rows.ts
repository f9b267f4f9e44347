import { rowKeyOfRecord } from '@zenstack-live/model'
import { LiveError, type RowKey, type SnapshotRow } from '@zenstack-live/protocol'
import type { EdgeContext } from '../edge-context.ts'
import type { Keys } from '../keys.ts'
import type { PlannedQuery } from './plan-query.ts'
import type { Result } from './snapshot-frames.ts'
import { storedOfRecord, type ExactTimes } from './stored-record.ts'

/**
 * What the database answered, as it goes over the wire: each row with its key, without the fields that were only asked for
 * to make the key.
 *
 * @throws {LiveError} `row_limit` when there are more rows than the limit.
 */
export function rowsOfAnswer(
  context: EdgeContext,
  planned: PlannedQuery,
  answer: unknown,
  options: { exactTimes?: ReadonlyMap<string, ExactTimes> | undefined } = {},
): Result {
  if (planned.shape === 'value') return { shape: 'value', value: answer }
  const records = (Array.isArray(answer) ? answer : answer === null || answer === undefined ? [] : [answer]) as Record<string, unknown>[]
  if (records.length > context.limits.maxSnapshotRows) {
    const asked = `${planned.question.model}.${planned.question.operation}`
    throw new LiveError(
      'row_limit',
      `${asked} has more than ${context.limits.maxSnapshotRows} rows. Narrow \`where\`, add \`take\`, or raise maxSnapshotRows.`,
    )
  }
  const taken = new Map<RowKey, number>()
  const rows = records.map((record): SnapshotRow => {
    const key = uniqueKey(keyOfRecord(context.keys, planned, record), taken)
    const row = withoutFields(record, planned.hiddenFields)
    const sort = sortOfRecord(planned, record, options.exactTimes)
    return sort === undefined ? { key, row } : { key, row, sort }
  })
  return { shape: planned.shape, rows }
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
