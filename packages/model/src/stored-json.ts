import { Decimal } from 'decimal.js'

/** A JSON value by its text, parsed by those who look into it: numbers may have more digits than a double. */
export class StoredJson {
  readonly text: string
  #value: { value: unknown } | undefined
  #exact: { value: unknown } | undefined

  constructor(text: string) {
    this.text = text
  }

  /** The parsed value, made once; numbers are doubles. Shared: do not change it. */
  get value(): unknown {
    this.#value ??= { value: JSON.parse(this.text) as unknown }
    return this.#value.value
  }

  /** The same, but numbers that a double would change are Decimals. */
  get exact(): unknown {
    this.#exact ??= { value: LONG_NUMBER.test(this.text) ? (JSON.parse(this.text, exactNumber) as unknown) : this.value }
    return this.#exact.value
  }
}

/** Fifteen digits, point aside, survive a double; exponents may leave its range. */
const LONG_NUMBER = /[\d.]{16}|\d[eE]/

function exactNumber(this: unknown, _name: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined || !LONG_NUMBER.test(context.source)) return value
  const exact = new Decimal(context.source)
  return Number.isFinite(value) && exact.eq(new Decimal(String(value))) ? value : exact
}
