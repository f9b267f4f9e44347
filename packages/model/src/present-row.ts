import { Decimal } from 'decimal.js'
import type { Field, Model } from './data-model.ts'
import { presentTime } from './present-time.ts'
import { StoredJson } from './stored-json.ts'
import type { StoredRow, StoredScalar, StoredTime } from './stored-row.ts'

/**
 * The row as `client.<model>.findMany()` returns it, for these fields, in the schema's order. A field the row lacks is left out.
 *
 * @param fields - names of the fields to show. @defaultValue all that are not `@omit`
 */
export function presentRow(model: Model, row: StoredRow, fields?: ReadonlySet<string>): Record<string, unknown> {
  const record: Record<string, unknown> = {}
  for (const field of model.fields.values()) {
    if (fields === undefined ? field.isOmitted : !fields.has(field.name)) continue
    const value = row[field.name]
    if (value !== undefined) record[field.name] = presentValue(field, value)
  }
  return record
}

/** One value as ZenStack returns it. A list that is NULL in the database is shown as an empty one. */
export function presentValue(field: Field, value: StoredRow[string]): unknown {
  if (value === null) return field.isList ? [] : null
  if (Array.isArray(value)) return (value as readonly StoredScalar[]).map((item) => presentScalar(field, item))
  // The array case has just been taken.
  return presentScalar(field, value as StoredScalar)
}

function presentScalar(field: Field, value: StoredScalar): unknown {
  if (value === null) return null
  // Parsed anew: whoever gets it may change it.
  if (value instanceof StoredJson) return JSON.parse(value.text) as unknown
  if (field.type === 'DateTime') return presentTime(field, value as StoredTime)
  if (field.type === 'Enum') return field.labels?.memberOf.get(value as string) ?? value
  // The driver reads lists of numeric as doubles.
  if (value instanceof Decimal) return new Decimal(field.isList ? value.toNumber() : value)
  return value instanceof Uint8Array ? value.slice() : value
}
