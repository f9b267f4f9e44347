import type { Decimal } from 'decimal.js'

/**
 * A row as the change stream gave it, nothing lost: by field name. A field whose value is not known (not captured, withheld,
 * unchanged and not sent) is absent; SQL NULL is `null`.
 */
export type StoredRow = Readonly<Record<string, StoredValue>>

export type StoredValue = StoredScalar | readonly StoredScalar[]

/**
 * - DateTime: {@link StoredTime}
 * - Enum: the database's label (`@map` not undone)
 * - Json: {@link StoredJson}, so that JSON's null is not SQL's
 * - the others: string, number, bigint, boolean, Decimal, Uint8Array
 */
export type StoredScalar = string | number | bigint | boolean | Decimal | Uint8Array | StoredJson | null

/** Microseconds since 1970-01-01T00:00:00Z; dates are their midnight, times of day count from 1970-01-01. */
export type StoredTime = bigint | 'infinity' | '-infinity'

/** A JSON value by its text, parsed by those who look into it: numbers may have more digits than a double. */
export class StoredJson {
  readonly text: string
  #value: { value: unknown } | undefined

  constructor(text: string) {
    this.text = text
  }

  /** The parsed value, made once; numbers are doubles. Shared: do not change it. */
  get value(): unknown {
    this.#value ??= { value: JSON.parse(this.text) as unknown }
    return this.#value.value
  }
}
