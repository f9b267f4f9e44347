import { StoredJson, type Field, type Model, type StoredRow, type StoredScalar, type StoredValue } from '@zenstack-live/model'

/** Microseconds of a record's times, by field: what a `Date` cannot hold. */
export type ExactTimes = Readonly<Record<string, bigint | 'infinity' | '-infinity' | null>>

/**
 * A record as ZenStack returned it, as the change stream would give it: enough to place it in an order.
 *
 * @param exact - used instead of the record's own times
 */
export function storedOfRecord(model: Model, record: Readonly<Record<string, unknown>>, names: Iterable<string>, exact: ExactTimes = {}): StoredRow {
  const row: Record<string, StoredValue> = {}
  for (const name of names) {
    const field = model.fields.get(name)
    const value = record[name]
    if (field === undefined || value === undefined) continue
    // A time that a policy hides is null in the record; its exact one is not to be used.
    const time = value === null ? undefined : exact[name]
    row[name] = time === undefined ? storedOf(field, value) : time
  }
  return row
}

function storedOf(field: Field, value: unknown): StoredValue {
  if (value === null) return null
  if (Array.isArray(value)) return value.map((item: unknown) => storedScalar(field, item))
  return storedScalar(field, value)
}

function storedScalar(field: Field, value: unknown): StoredScalar {
  if (value instanceof Date) return BigInt(value.getTime()) * 1000n
  if (field.type === 'Enum') return field.labels?.labelOf.get(String(value)) ?? String(value)
  if (field.type === 'Json') return new StoredJson(JSON.stringify(value))
  // The record's other types are those of the stream: strings, numbers, bigints, booleans, Decimals, bytes.
  return value as StoredScalar
}
