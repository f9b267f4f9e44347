import { decodeRow, type Field, type Model, type StoredRow, type StoredValue } from '@zenstack-live/model'
import type { RawRow } from '@zenstack-live/protocol'

/**
 * A row whose fields are decoded when they are looked at: most filters read one or two of them.
 * A field that the change does not know is `undefined`, as in a decoded row.
 */
export function lazyRowsOf(model: Model): (raw: RawRow) => StoredRow {
  let rowOf = made.get(model)
  if (rowOf === undefined) made.set(model, (rowOf = createLazyRows(model)))
  return rowOf
}

// Symbols, because fields may have any name.
const RAW = Symbol('raw')
const DECODED = Symbol('decoded')

interface LazyFields {
  [RAW]: RawRow
  [DECODED]: Record<string, StoredValue | undefined>
}

const made = new WeakMap<Model, (raw: RawRow) => StoredRow>()

function createLazyRows(model: Model): (raw: RawRow) => StoredRow {
  class LazyRow {
    readonly [RAW]: RawRow
    readonly [DECODED]: Record<string, StoredValue | undefined> = {}
    constructor(raw: RawRow) {
      this[RAW] = raw
    }
  }
  for (const field of model.fields.values()) defineField(LazyRow.prototype, model, field)
  // Its accessors are the fields of the model.
  return (raw) => new LazyRow(raw) as unknown as StoredRow
}

function defineField(prototype: object, model: Model, field: Field): void {
  const { name } = field
  const alone: Model = { ...model, fields: new Map([[name, field]]), fieldsByColumn: new Map([[field.column, field]]) }
  Object.defineProperty(prototype, name, {
    get(this: LazyFields): StoredValue | undefined {
      const known = this[DECODED][name]
      if (known !== undefined) return known
      const value = decodeRow(alone, this[RAW])[name]
      this[DECODED][name] = value
      return value
    },
  })
}
