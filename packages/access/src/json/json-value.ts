import { Decimal } from 'decimal.js'

/** A value inside a jsonb column. SQL's NULL is no such value: it is the `null` beside this type, JSON's null is `{ value: null }`. */
export interface JsonItem {
  readonly value: unknown
}

type JsonObject = Readonly<Record<string, unknown>>

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Decimal)
}

/** Equality of jsonb: order of keys does not count, numbers are equal by their value. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b) === 0
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSameJson(item, b[index]))
  if (!isJsonObject(a) || !isJsonObject(b)) return a === b
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSameJson(a[key], b[key]))
}

/** Containment (`@>`) of containers: all of `part` is somewhere in `whole`; order and repetition in arrays do not count. */
export function containsJson(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    if (!Array.isArray(whole)) return false
    return part.every((item) => whole.some((each) => (isContainer(item) ? containsJson(each, item) : isSameJson(each, item))))
  }
  if (!isJsonObject(part) || !isJsonObject(whole)) return false
  return Object.keys(part).every((key) => {
    if (!Object.hasOwn(whole, key)) return false
    return isContainer(part[key]) ? containsJson(whole[key], part[key]) : isSameJson(whole[key], part[key])
  })
}

function isContainer(value: unknown): boolean {
  return Array.isArray(value) || isJsonObject(value)
}

export type JsonNumber = number | Decimal

export function isNumber(value: unknown): value is JsonNumber {
  return typeof value === 'number' || value instanceof Decimal
}

export function compareNumbers(a: JsonNumber, b: JsonNumber): number {
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0
  return new Decimal(String(a)).cmp(new Decimal(String(b)))
}

/** A scalar as `jsonb::text` writes it; `undefined` for containers and numbers, whose text keeps what parsing drops. */
export function scalarText(value: unknown): string | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return JSON.stringify(value)
  return undefined
}
