import { Decimal } from 'decimal.js'
import type { Field, Model } from './data-model.ts'
import { ModelError } from './model-error.ts'
import { presentValue } from './present-row.ts'
import type { StoredRow } from './stored-row.ts'

/**
 * The row's primary key as text, the same for the same row whether it comes from the stream or from ZenStack.
 *
 * @throws {ModelError} `internal` when the row lacks a key field
 */
export function rowKey(model: Model, row: StoredRow): string {
  return keyText(model, (field) => {
    const value = row[field.name]
    return value === undefined ? undefined : presentValue(field, value)
  })
}

/**
 * The same for a record as ZenStack returns it.
 *
 * @throws {ModelError} `internal` when the record lacks a key field
 */
export function rowKeyOfRecord(model: Model, record: Readonly<Record<string, unknown>>): string {
  return keyText(model, (field) => record[field.name])
}

/** Values of the key as ZenStack takes them in `where`. */
export function keyOfRow(model: Model, row: StoredRow): Record<string, unknown> {
  return Object.fromEntries(
    model.idFields.flatMap((name) => {
      const field = model.fields.get(name)
      const value = row[name]
      return field === undefined || value === undefined ? [] : [[name, presentValue(field, value)]]
    }),
  )
}

function keyText(model: Model, valueOf: (field: Field) => unknown): string {
  const texts: string[] = []
  for (const name of model.idFields) {
    const field = model.fields.get(name)
    const value = field === undefined ? undefined : valueOf(field)
    if (value === undefined) throw new ModelError('internal', `A row of "${model.name}" came without its key field "${name}".`)
    texts.push(scalarText(value))
  }
  return texts.length === 1 ? (texts[0] ?? '') : JSON.stringify(texts)
}

function scalarText(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Decimal || Decimal.isDecimal(value)) return new Decimal(value).toString()
  return String(value)
}
