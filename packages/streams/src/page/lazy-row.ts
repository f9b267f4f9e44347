import { decodeValue, type Field, type Model, type StoredRow, type StoredValue } from '@zenstack-live/model'
import { scalarMember } from './json-text.ts'
import type { SharedChange, Side } from './shared-change.ts'

/** @param at - where the image begins in the text of the change; `undefined` where it has to be parsed */
type LazyRowOf = (change: SharedChange, side: Side, at: number | undefined) => StoredRow

/**
 * Rows whose fields are read and decoded when they are looked at: most filters read one or two of them.
 * A field that the change does not know is `undefined`, as in a decoded row.
 */
export function lazyRowsOf(model: Model): LazyRowOf {
  let rowOf = made.get(model)
  if (rowOf === undefined) made.set(model, (rowOf = createLazyRows(model)))
  return rowOf
}

const made = new WeakMap<Model, LazyRowOf>()

/** Fields that are read one by one; whoever looks at more of them is better off with the whole image. */
const FEW_FIELDS = 2
/** Names that JSON may write otherwise. */
const ESCAPED = /["\\]|[^ -~]/

/** What stands behind a row. */
class RowSource {
  readonly #change: SharedChange
  readonly #side: Side
  readonly #at: number | undefined
  readonly #values: (StoredValue | undefined)[] = []
  #looks = 0

  constructor(change: SharedChange, side: Side, at: number | undefined) {
    this.#change = change
    this.#side = side
    this.#at = at
  }

  valueOf(index: number, field: Field, isEscaped: boolean): StoredValue | undefined {
    const known = this.#values[index]
    return known === undefined ? (this.#values[index] = this.#read(field, isEscaped)) : known
  }

  #read(field: Field, isEscaped: boolean): StoredValue | undefined {
    if (field.isOpaque) return undefined
    if (this.#at !== undefined && !isEscaped && ++this.#looks <= FEW_FIELDS) {
      const raw = scalarMember(this.#change.entry.value, this.#at, field.column)
      if (raw !== undefined) return decodeValue(field, raw)
    }
    const image = this.#change.images()[this.#side] ?? {}
    return Object.hasOwn(image, field.column) ? decodeValue(field, image[field.column]) : undefined
  }
}

// A symbol, because fields may have any name.
const SOURCE = Symbol('source')

function createLazyRows(model: Model): LazyRowOf {
  class LazyRow {
    readonly [SOURCE]: RowSource
    constructor(source: RowSource) {
      this[SOURCE] = source
    }
  }
  for (const [index, field] of [...model.fields.values()].entries()) {
    const isEscaped = ESCAPED.test(field.column)
    Object.defineProperty(LazyRow.prototype, field.name, {
      get(this: LazyRow): StoredValue | undefined {
        return this[SOURCE].valueOf(index, field, isEscaped)
      },
    })
  }
  // Its accessors are the fields of the model.
  return (change, side, at) => new LazyRow(new RowSource(change, side, at)) as unknown as StoredRow
}
