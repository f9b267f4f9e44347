import { AnyNullClass, DbNullClass, JsonNullClass } from '@zenstackhq/orm'

/** A JSON value of a filter as Postgres receives it; `undefined` when it cannot be one there. */
export function jsonInput(input: unknown): { value: unknown } | undefined {
  if (input === undefined || hasMarker(input)) return undefined
  const text = JSON.stringify(input)
  // jsonb holds neither NUL nor half of a character.
  if (text === undefined || /\\u0000|\\ud[89a-f]/i.test(text)) return undefined
  return { value: JSON.parse(text) as unknown }
}

/** ZenStack's `DbNull`, `JsonNull` and `AnyNull` mean something only where a whole value stands. */
function hasMarker(input: unknown): boolean {
  if (typeof input !== 'object' || input === null) return false
  return isNullMarker(input) || Object.values(input).some(hasMarker)
}

export function isNullMarker(input: unknown): boolean {
  return input instanceof DbNullClass || input instanceof JsonNullClass || input instanceof AnyNullClass
}
