/**
 * The next value, built from parts of the previous one wherever they are equal, so that what did not change keeps its identity.
 * Plain objects and arrays are compared by content, dates and other values with a `toJSON` or bytes by what they stand for.
 */
export function shareStructure<T>(previous: unknown, next: T): T {
  if (Object.is(previous, next)) return next
  if (typeof previous !== 'object' || typeof next !== 'object' || previous === null || next === null) return next
  if (Object.getPrototypeOf(previous) !== Object.getPrototypeOf(next)) return next
  // Same prototype as `next`, and equal in content: it is a T.
  if (Array.isArray(next)) return shareArray(previous as readonly unknown[], next) as T
  if (isPlain(next)) return shareObject(previous as Record<string, unknown>, next) as T
  return isSameScalar(previous, next) ? (previous as T) : next
}

function shareArray(previous: readonly unknown[], next: readonly unknown[]): readonly unknown[] {
  let isSame = previous.length === next.length
  const result = next.map((item, index) => {
    const shared = shareStructure(previous[index], item)
    if (shared !== previous[index]) isSame = false
    return shared
  })
  return isSame ? previous : result
}

function shareObject(previous: Record<string, unknown>, next: Record<string, unknown>): Record<string, unknown> {
  const names = Object.keys(next)
  let isSame = Object.keys(previous).length === names.length
  const result: Record<string, unknown> = {}
  for (const name of names) {
    const shared = shareStructure(previous[name], next[name])
    result[name] = shared
    if (shared !== previous[name] || !Object.hasOwn(previous, name)) isSame = false
  }
  return isSame ? previous : result
}

function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Dates, decimals and bytes: equal when they say the same. Other objects count as different. */
function isSameScalar(previous: object, next: object): boolean {
  if (previous instanceof Uint8Array && next instanceof Uint8Array)
    return previous.length === next.length && previous.every((byte, index) => byte === next[index])
  return 'toJSON' in previous && typeof previous.toJSON === 'function' && JSON.stringify(previous) === JSON.stringify(next)
}
